"""The tests; a package so that they can say `from tests import engines`."""
