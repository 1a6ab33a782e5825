"""How fast Whimbrel moves rows, against what its users would do without it: `make bench`."""
