"""Is it the same, is it right: fingerprints compared down to the row, rules about values."""
