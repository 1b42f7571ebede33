"""The formats of draw files and draw receipts; ``checking`` checks them.

A *draw file* holds everything that decided a draw: the announcement, the values of its sources, the
roster and the outcome. For the announcement and the outcome it also holds the stored record and the
proof that it is in the log. A *draw receipt* holds the part of one business: its line of the roster
with a proof, its ticket, and the last ticket drawn from its stratum. The lines that prove the last
ticket are included if they may be shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]

#: The entries of a roster, or the lines of a selection.
Lines = list[dict[str, str | int]]


class Logged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event of a draw with the proof that it was recorded.

    ``record`` has the recorded bytes in base64. ``receipt`` proves them (c2sp.org/tlog-proof) under
    the first checkpoint that covered them, which was signed at ``signed_at``.
    """

    position: int
    body: dict[str, Any]
    record: str | None = None
    receipt: str | None = None
    signed_at: Moment | None = None


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The officers drawn to visit a business; ``skipped`` are those before them, with reasons."""

    entity: str
    officers: tuple[str, ...]
    skipped: tuple[dict[str, str], ...]


class OfficersOfUnit(msgspec.Struct, frozen=True, kw_only=True):
    """The officer roster and the assignments of one further unit of a joint draw."""

    unit: str
    officers: tuple[str, ...]
    assignments: tuple[Assignment, ...]


class DrawFile(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="format",
    tag="uvdraw-file/1",
):
    """A draw, as far as its reader may see it; ``withheld`` says why something is missing.

    ``keys`` are the keys of the log, as ``<name>+<key id>+<key>``. ``officers`` and ``assignments``
    belong to the unit that initiated the draw, ``parts`` to each further unit, in announced order.
    """

    draw: str
    stage: str
    announcement: Logged
    keys: tuple[str, ...] = ()
    seed: Logged | None = None
    execution: Logged | None = None
    withheld: str | None = None
    roster: Lines | None = None
    selection: Lines | None = None
    officers: tuple[str, ...] | None = None
    assignments: tuple[Assignment, ...] = ()
    parts: tuple[OfficersOfUnit, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list with its index and the audit path that proves it under the list's root."""

    line: str
    index: int
    path: tuple[Digest, ...]


class LastDrawn(msgspec.Struct, frozen=True, kw_only=True):
    """The business drawn last from a stratum: its lines of the roster and of the selection."""

    roster: Place
    selected: Place


class DrawReceipt(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="format",
    tag="uvdraw-receipt/1",
):
    """The part of one business in a draw.

    ``threshold`` is the last ticket drawn from its stratum, ``None`` if nothing was drawn from it.
    ``selected`` is its line of the selection, if it was drawn or is a reserve. ``last`` is the
    business whose ticket is the threshold, unless it is the same business; ``withheld`` says why
    ``last`` is missing.
    """

    draw: str
    stage: str
    entity: str
    announcement: Logged
    seed: Logged
    execution: Logged
    roster: Place
    stratum: str
    ticket: Digest
    threshold: Digest | None
    drawn: bool
    selected: Place | None = None
    last: LastDrawn | None = None
    withheld: str | None = None
    keys: tuple[str, ...] = ()
