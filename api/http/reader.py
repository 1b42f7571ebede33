"""Who reads, on which day, and what they may see: made once for each request."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import caller_of
from api.http.keys import LEDGER
from api.http.problems import Problem
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.kernel import civil_date, message
from projections.profiles import EVERY, Audience, Sight
from projections.tables import not_kept_from

#: Roles that read only what is public.
PUBLIC = frozenset({"public", "subscriber_system"})

#: Roles that read across all units.
ACROSS_UNITS: frozenset[Role] = SUPERVISORS | {"credit_officer"}

#: Roles of the authorities: of the units, and across them.
AUTHORITIES: frozenset[Role] = UNIT_BOUND | ACROSS_UNITS


class Reader(Grant, frozen=True, kw_only=True):
    """Who reads business data, on the civil date ``today``.

    ``sent_as``: the role of the token; an operator reads as the public.
    """

    today: date
    sent_as: Role

    @property
    def is_public(self) -> bool:
        """Whether the reader reads only what is public."""
        return self.role in PUBLIC

    @property
    def is_bureau(self) -> bool:
        """Whether the reader supervises for the Justice Bureau."""
        return self.role == "jb_supervisor"

    @property
    def in_unit(self) -> bool:
        """Whether the reader belongs to a unit and sees what concerns that unit."""
        return self.role in UNIT_BOUND

    @property
    def plans(self) -> str:
        """Whose planned visits the reader may see: those of its own unit, of every unit, of none.

        Planned visits stay sealed until they take place, like their events (``sees``).
        """
        return EVERY if self.is_bureau else self.unit if self.in_unit else ""

    def is_of(self, unit: str | None) -> bool:
        """Return whether the reader belongs to this unit."""
        return self.in_unit and self.unit == unit

    def audience(self, entity: str = "") -> Audience:
        """Return which of the three documents about a business the reader is shown."""
        if self.is_public:
            return "public"
        if self.role == "entity_rep":
            return "entity" if self.entity == entity else "public"
        return "restricted"

    def sight(self, entity: str) -> Sight:
        """Return what the reader sees of a business."""
        return Sight(self.audience(entity), self.plans)

    def concerned(
        self,
        unit: sa.ColumnElement[Any],
        entity: sa.ColumnElement[Any] | None = None,
        kept_from: sa.ColumnElement[str] | None = None,
    ) -> sa.ColumnElement[bool]:
        """Return the condition for the non-public rows that concern the reader; raise without any.

        ``entity``: the column with the business of a row; ``None`` if businesses see no row.
        ``kept_from``: the column with the units that a row is hidden from.
        """
        if kept_from is not None:
            return sa.and_(self.concerned(unit, entity), not_kept_from(kept_from, self.unit))
        if self.role in ACROSS_UNITS:
            return sa.true()
        if self.in_unit:
            return unit == self.unit
        if self.role == "entity_rep" and self.entity is not None and entity is not None:
            return entity == self.entity
        raise self.refused()

    def refused(self) -> Problem:
        """Return the problem that refuses a read."""
        return Problem("forbidden", message("http.role-may-not-read", role=self.sent_as))


READER = web.RequestKey("reader", Reader)


async def reader_of(request: web.Request) -> Reader:
    """Return who reads: without a token, the public. Raises ``Problem`` for a bad token."""
    if (reader := request.get(READER)) is None:
        caller = await caller_of(request)
        reader = request[READER] = Reader(
            *msgspec.structs.astuple(caller.reader()),
            today=civil_date(request.app[LEDGER].clock()),
            sent_as=caller.role,
        )
    return reader
