"""What every rule is: a slug, which is also the name of its page, and a look at a migration."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import ClassVar

from whimbrel.migrations.checks import finding, scene


class Rule(abc.ABC):
    """One thing to look for."""

    slug: ClassVar[str]

    @abc.abstractmethod
    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        """Yield what there is to say of one migration."""
