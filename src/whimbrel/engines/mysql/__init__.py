"""MySQL, through PyMySQL; also the ground of MariaDB's room."""
