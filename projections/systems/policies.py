"""Policies (rulebook 0.4): all adopted versions, and the version in force on a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.kernel import Fold, PolicyVersionAdopted, Recorded
from ledger.kernel.policies import PolicyKey, PolicyVersions
from projections.answers import shown_type, struct_type
from projections.tables import Code, Row
from projections.views import FoldView


class PolicyState(Fold):
    """Which versions of this policy were adopted, and at which position?"""

    key: PolicyKey
    versions: list[tuple[int, PolicyVersionAdopted]] = msgspec.field(default_factory=list)

    def on_adopted(self, event: PolicyVersionAdopted, record: Recorded) -> None:
        self.versions.append((record.position, event))

    def in_force(self, on: date, **where: str | None) -> PolicyVersionAdopted | None:
        """Return the version in force on a day; ``where`` narrows it to a unit or a grade."""
        versions = PolicyVersions(self.key, versions=[event for _, event in self.versions])
        return versions.in_force(on, **where)


POLICIES = sa.Table(
    "policies",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Policies(FoldView[PolicyState]):
    """A row for each policy key."""

    name = "policies"
    version = 1
    kind = "policy"
    fold = PolicyState
    table = POLICIES
    tables = (POLICIES,)

    def row(self, fold: PolicyState, position: int) -> Row:
        return {"version": max((event.version for _, event in fold.versions), default=0)}


_VIEW = Policies()


def value_in_force(connection: Connection, key: str, on: date, **where: str | None) -> Any:
    """Return the value of a policy on a day from the view; ``None`` if no version is in force."""
    state = connection.execute(
        sa.select(POLICIES.c.state).where(POLICIES.c.key == key)
    ).scalar_one_or_none()
    version = None if state is None else _VIEW.decode(state).in_force(on, **where)
    return None if version is None else version.value


_Version: Any = shown_type(PolicyVersionAdopted, ("key",), called="PolicyVersion", position=int)

ShownPolicy = struct_type(
    "ShownPolicy",
    "A policy: the version in force everywhere on a day, its value, and all versions.",
    key=str,
    in_force=int | None,
    value=Any,
    unit=str | None,
    versions=list[_Version],
)


def document(policy: PolicyState, on: date) -> dict[str, Any]:
    """Return a policy as a document: the version in force everywhere on a day, and all versions."""
    current = policy.in_force(on)
    return {
        "key": policy.key,
        "in_force": None if current is None else current.version,
        "value": None if current is None else current.value,
        "unit": None if current is None else current.unit,
        "versions": [
            {"position": position, **_fields(event)} for position, event in policy.versions
        ],
    }


def _fields(event: PolicyVersionAdopted) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(event)
    fields.pop("key")
    return fields
