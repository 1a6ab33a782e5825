"""The command line: the one face that prints. It asks the project and draws the answers."""

from __future__ import annotations
