"""Rules that clean the values of one column, a family of rules in each file."""
