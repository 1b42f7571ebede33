"""How much is tried: few examples and rounds in `make test`, many in `make soak`."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

#: Whether this is `make soak`. A number in a decorator replaces a profile's, so it is multiplied.
SOAKING = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
TIMES = 50 if SOAKING else 1


def rounds(few: int, many: int) -> int:
    """How often something is killed or broken: ``few`` times in `make test`, else ``many``."""
    return many if SOAKING else few


def examples(count: int, **how: Any) -> settings:
    """Settings for ``count`` examples, and for fifty times as many in the profile ``thorough``."""
    return settings(max_examples=count * TIMES, deadline=None, **how)
