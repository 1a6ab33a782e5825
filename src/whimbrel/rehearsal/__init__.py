"""Before it is done for real: what a change will meet, tried on copies and parts of databases."""
