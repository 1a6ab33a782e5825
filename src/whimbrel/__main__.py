"""`python -m whimbrel`: the command line, for when its script is not on the PATH."""

from __future__ import annotations

import sys

from whimbrel.cli import app

if __name__ == "__main__":
    sys.exit(app.main())
