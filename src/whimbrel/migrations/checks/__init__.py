"""Look at a plan for what would hold others up, or lose data: one rule a file."""
