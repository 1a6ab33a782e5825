"""Moving rows: a table as ranges of its key, in batches, at a pace that the database bears."""
