"""The view of profiles: the state of each business, and its documents ready to be sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from ledger.kernel import PolicyVersionAdopted, RecordCorrected
from projections.profiles.fold import CreditProfile
from projections.profiles.law import MANNER, NO_LAW, REGIMES, VISIT_CAP, law_as_of
from projections.profiles.rendering import Told, as_json, render, says_nothing
from projections.profiles.standing import PUBLIC, RESTRICTED
from projections.source import Entry, Source
from projections.tables import Code, Row, Store, in_groups
from projections.views import FoldView
from projections.words import TextIndex, Texts, named, search_key

_METADATA = sa.MetaData()

PROFILES = sa.Table(
    "profiles",
    _METADATA,
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text),
    #: The name in its form for searching (``search_key``).
    sa.Column("name_key", Code, index=True),
    #: The former names in the same form, each after a line break; names contain no line break.
    sa.Column("former_keys", Code),
    sa.Column("area", Code, index=True),
    sa.Column("listed", sa.Boolean, nullable=False, index=True),
    sa.Column("registered", sa.Boolean, nullable=False),
    #: Whether the document for the public, or for the authorities, has any content.
    sa.Column("public", sa.Boolean, nullable=False, index=True),
    sa.Column("restricted", sa.Boolean, nullable=False, index=True),
    sa.Column("grade", Code, nullable=False),
    #: The last day on which the documents are valid, if nothing is recorded.
    sa.Column("holds_until", Code, nullable=False),
    #: Whether the document shows caps and so depends on the policy ``visit_cap``.
    sa.Column("capped", sa.Boolean, nullable=False),
    #: Whether it shows when a record can be repaired and so depends on the regimes.
    sa.Column("reckoned", sa.Boolean, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("public_json", sa.LargeBinary, nullable=False),
    sa.Column("restricted_json", sa.LargeBinary, nullable=False),
    *(
        sa.Index(
            f"profiles_{name}",
            name,
            sqlite_where=sa.text(name),
            postgresql_where=sa.text(name),
        )
        for name in ("capped", "reckoned")
    ),
    sa.Index(
        "profiles_former",
        "key",
        sqlite_where=sa.text("former_keys IS NOT NULL"),
        postgresql_where=sa.text("former_keys IS NOT NULL"),
    ),
)


SEARCH = TextIndex("profiles")

#: Policies, each with the column that marks the rows whose documents depend on them.
_DEPENDING = (
    (frozenset({VISIT_CAP}), PROFILES.c.capped),
    (REGIMES, PROFILES.c.reckoned),
    (frozenset({MANNER}), PROFILES.c.registered),
)

_STATE = (PROFILES.c.key, PROFILES.c.position, PROFILES.c.state)


class Profiles(FoldView[CreditProfile]):
    """One row per business: its state, and its documents ready to be sent.

    The stored document for the authorities shows no planned visits; for readers who may know of
    some, the document is rendered on request. ``position`` is the last event about the business.
    Not every reader may know of that event, so the ETag of a document is a digest of its content.
    """

    name = "profiles"
    version = 8
    kind = "entity"
    fold = CreditProfile
    table = PROFILES
    search = SEARCH
    tables = (PROFILES, *SEARCH.tables)

    def __init__(self) -> None:
        super().__init__()
        self.topics |= {PolicyVersionAdopted.TOPIC}
        self._law = NO_LAW
        #: Policies adopted after the state of the tables.
        self._adopted: set[str] = set()

    def begin(self, source: Source, position: int) -> None:
        super().begin(source, position)
        self._adopted = set()
        self._law = law_as_of(source, position)

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        super().take(entries, store, source, last)
        for entry in entries:
            if entry.type in (PolicyVersionAdopted.TOPIC, RecordCorrected.TOPIC):
                self._adopted.update(
                    tag.removeprefix("policy:") for tag in entry.tags if tag.startswith("policy:")
                )

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        depending = [rows for keys, rows in _DEPENDING if keys & self._adopted]
        if not depending:
            return super().flush(store, source, last)
        # Rows that show values of these policies are rendered again under their new versions.
        self._law = law_as_of(source, last)
        changed = super().flush(store, source, last)
        shown = sa.select(PROFILES.c.key).where(sa.or_(*depending))
        rest = set(store.connection.execute(shown).scalars()) - self._open.keys()
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
        self._adopted = set()

    def write(self, folds: Mapping[str, tuple[CreditProfile, int]], store: Store) -> None:
        caps, regimes = self._law.position(VISIT_CAP), self._law.position(*REGIMES)
        manner = self._law.position(MANNER)
        moved = {
            key: (
                fold,
                max(at, caps * fold.capped, regimes * fold.reckoned, manner * fold.registered),
            )
            for key, (fold, at) in folds.items()
        }
        super().write(moved, store)

    def texts(self, fold: CreditProfile) -> Texts:
        identity = fold.identity
        present = None if identity is None else identity.name
        return Texts((fold.entity, *named(present, *fold.identities.former_names)))

    def row(self, fold: CreditProfile, position: int) -> Row:
        identity = fold.identity
        name = None if identity is None else identity.name
        told = Told(fold)
        public = as_json(render(fold, PUBLIC, self._law, told=told))
        restricted = as_json(render(fold, RESTRICTED, self._law, told=told))
        return {
            "name": name,
            "name_key": None if name is None else search_key(name),
            "former_keys": "".join(
                "\n" + " ".join(search_key(former).split())
                for former in fold.identities.former_names
            )
            or None,
            "area": None if identity is None else identity.area,
            "listed": fold.listed,
            "registered": fold.registered,
            "public": not says_nothing(public, fold.entity, PUBLIC),
            "restricted": not says_nothing(restricted, fold.entity, RESTRICTED),
            "grade": fold.grade(fold.seen_on),
            "holds_until": min(
                fold.holds_until(fold.seen_on), self._law.manner_until(fold.seen_on)
            ).isoformat(),
            "capped": fold.capped,
            "reckoned": fold.reckoned,
            "public_json": public,
            "restricted_json": restricted,
        }
