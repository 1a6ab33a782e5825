"""MariaDB: only what differs from MySQL."""
