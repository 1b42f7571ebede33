"""The view that keeps profiles: each business's state, and its documents ready to be sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from ledger.kernel import PolicyVersionAdopted
from ledger.kernel.policies import PolicyVersions
from projections.profiles.fold import CreditProfile
from projections.profiles.rendering import Caps, Told, as_json, render, says_nothing
from projections.source import Entry, Source
from projections.tables import Code, Row, Store, in_groups
from projections.views import FoldView

#: The policy by which visits are capped (rulebook 3).
VISIT_CAP = "visit_cap"


_METADATA = sa.MetaData()

PROFILES = sa.Table(
    "profiles",
    _METADATA,
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text),
    #: The name as it is searched by: case folded.
    sa.Column("name_key", Code, index=True),
    sa.Column("area", Code, index=True),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("registered", sa.Boolean, nullable=False),
    #: Whether the document for the public, or the authorities, says anything at all.
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("grade", Code, nullable=False),
    #: Whether the document shows caps, and so depends on the policy ``visit_cap``.
    sa.Column("capped", sa.Boolean, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("public_json", sa.LargeBinary, nullable=False),
    sa.Column("restricted_json", sa.LargeBinary, nullable=False),
    sa.Index(
        "profiles_capped",
        "capped",
        sqlite_where=sa.text("capped"),
        postgresql_where=sa.text("capped"),
    ),
)

_STATE = (PROFILES.c.key, PROFILES.c.position, PROFILES.c.state)


class Profiles(FoldView[CreditProfile]):
    """A row for each business: its state, and its documents ready to be sent.

    ``position`` is the last event about it, which not every reader may hear of: the ETag of a
    document is a digest of what it says.
    """

    name = "profiles"
    version = 2
    kind = "entity"
    fold = CreditProfile
    table = PROFILES
    tables = (PROFILES,)

    def __init__(self) -> None:
        super().__init__()
        self.topics |= {PolicyVersionAdopted.TOPIC}
        self._caps = PolicyVersions(VISIT_CAP)
        self._caps_position = 0
        self._adopted = False

    def begin(self, source: Source, position: int) -> None:
        super().begin(source, position)
        self._adopted = False
        self._caps, self._caps_position = caps_as_of(source, position)

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        super().take(entries, store, source, last)
        self._adopted |= any(f"policy:{VISIT_CAP}" in entry.tags for entry in entries)

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        if not self._adopted:
            return super().flush(store, source, last)
        # Rows that show caps are rendered anew under the policies as they now stand.
        self._caps, self._caps_position = caps_as_of(source, last)
        changed = super().flush(store, source, last)
        capped = sa.select(PROFILES.c.key).where(PROFILES.c.capped)
        rest = set(store.connection.execute(capped).scalars()) - self._open.keys()
        for keys in in_groups(sorted(rest)):
            self.write(
                {
                    row.key: (self.decode(row.state), row.position)
                    for row in store.get(PROFILES, PROFILES.c.key, keys, *_STATE)
                },
                store,
            )
            self._changed.update(keys)
        return changed

    def committed(self) -> None:
        super().committed()
        self._adopted = False

    def write(self, folds: Mapping[str, tuple[CreditProfile, int]], store: Store) -> None:
        moved = {
            key: (fold, max(at, self._caps_position) if fold.capped else at)
            for key, (fold, at) in folds.items()
        }
        super().write(moved, store)

    def row(self, fold: CreditProfile, position: int) -> Row:
        identity = fold.identity
        name = None if identity is None else identity.name
        told = Told(fold)
        public = as_json(render(fold, "public", told=told))
        restricted = as_json(render(fold, "restricted", in_force(self._caps), told=told))
        return {
            "name": name,
            "name_key": None if name is None else name.casefold(),
            "area": None if identity is None else identity.area,
            "listed": fold.listed,
            "registered": fold.registered,
            "public": not says_nothing(public, fold.entity, "public"),
            "restricted": not says_nothing(restricted, fold.entity, "restricted"),
            "grade": fold.grade(),
            "capped": fold.capped,
            "public_json": public,
            "restricted_json": restricted,
        }


def in_force(versions: PolicyVersions) -> Caps:
    """The caps of a policy's versions, by day, unit and grade."""

    def caps(day: date, unit: str, grade: str) -> PolicyVersionAdopted | None:
        return versions.in_force(day, unit=unit, grade=grade)

    return caps


def caps_as_of(source: Source, position: int) -> tuple[PolicyVersions, int]:
    """The versions of ``visit_cap`` adopted up to a position, and the position of the last one."""
    versions = PolicyVersions(VISIT_CAP)
    records = source.records([versions.selector()], position) if position else []
    return versions.over(records), records[-1].position if records else 0
