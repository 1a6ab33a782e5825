"""One database into another: planned before, paced and resumable while it runs, proven after."""
