"""A draw as a file, and a business's receipt of one; ``checking`` checks them.

A *draw file* holds whatever decided a draw: the announcement, the values of its sources, the roster
and the outcome, and of the announcement and the outcome the stored record with the proof that it is
in the log. A *draw receipt* holds one business's part: its line of the roster with the proof that
it stood there, its ticket, and the last ticket that was drawn from its stratum, with the lines that
prove it where these may be shown.
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
    """One event of a draw: what it says, and what proves it.

    ``record``: the bytes as recorded, in base64. ``receipt``: their proof (c2sp.org/tlog-proof)
    under the first checkpoint that covered them, and ``signed_at`` when that was signed.
    """

    position: int
    body: dict[str, Any]
    record: str | None = None
    receipt: str | None = None
    signed_at: Moment | None = None


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Who was drawn to visit one business; ``skipped`` names those before them, with the reason."""

    entity: str
    officers: tuple[str, ...]
    skipped: tuple[dict[str, str], ...]


class OfficersOfUnit(msgspec.Struct, frozen=True, kw_only=True):
    """The officer roster of one further unit of a draw, and whom of it the draw sent where."""

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
    """A draw, as far as its reader may know it. ``withheld`` says why something is not here.

    ``keys``: of the log, as ``<name>+<key id>+<key>``. ``officers`` and ``assignments`` are those
    of the unit that initiates the draw; ``parts`` those of each further unit, as announced.
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
    """One line of a list that is known by its root: the line, its index, its audit path."""

    line: str
    index: int
    path: tuple[Digest, ...]


class LastDrawn(msgspec.Struct, frozen=True, kw_only=True):
    """Who was drawn last from a stratum: its line of the roster, and its line of the selection."""

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
    """One business's part in a draw.

    ``threshold``: the last ticket drawn from its stratum, ``None`` if none was. ``selected``: its
    line of the selection, if it was drawn or stood among the reserves. ``last``: whose ticket the
    threshold is, unless it is its own; ``withheld`` says why that is not here.
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
