"""Where the console is served: the region, and whether this is the ledger that counts."""

from __future__ import annotations

from typing import Literal

import msgspec

Environment = Literal["production", "trial", "demonstration"]


class Place(msgspec.Struct, frozen=True):
    """What the head of every page says of the installation.

    ``region``: the name of the district or city; empty if it is not configured. ``environment``:
    production has a red band, so that nobody takes it for a rehearsal.
    """

    region: str = ""
    environment: Environment = "production"
