"""How verbs that restructure tables are made of operations; one file each."""
