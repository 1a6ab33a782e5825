"""Our memory, in the database that is changed: migrations, runs, steps, results."""
