"""Handovers (AB岗, 2.18): a row for each unit, as the fold has it."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.systems.catalogue.folds import OfficerStanding
from ledger.systems.handovers.folds import UnitHandovers
from projections.systems.catalogue import OFFICERS, Officers
from projections.views import FoldView, subject_table

HANDOVERS = subject_table("handovers", "unit")


class Handovers(FoldView[UnitHandovers]):
    """A row for each unit whose people handed something over."""

    name = "handovers"
    kind = "unit"
    fold = UnitHandovers
    table = HANDOVERS
    tables = (HANDOVERS,)


_VIEW = Handovers()


def handovers_of(connection: Connection, unit: str) -> UnitHandovers:
    """What the people of a unit handed over."""
    state = connection.execute(
        sa.select(HANDOVERS.c.state).where(HANDOVERS.c.key == unit)
    ).scalar_one_or_none()
    return UnitHandovers(unit) if state is None else _VIEW.decode(state)


def certified(connection: Connection, unit: str, persons: set[str], on: date) -> dict[str, bool]:
    """Of these persons, those who hold or held certificates: whether one is in force that day."""
    decode = Officers().decode
    found = {}
    for row in connection.execute(
        sa.select(OFFICERS.c.key, OFFICERS.c.state).where(OFFICERS.c.key.in_(sorted(persons)))
    ):
        officer = decode(row.state)
        standing = OfficerStanding(row.key, officer.certificates, officer.suspensions)
        if officer.certificates:
            found[row.key] = standing.barred(on, unit, set()) is None
    return found
