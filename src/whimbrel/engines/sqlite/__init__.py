"""SQLite, through the standard library's driver; `engine` is where to begin reading."""
