"""Migrations: changes of schema and data inside one database."""
