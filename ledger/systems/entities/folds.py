"""Folds about market entities."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from ledger.general.vocabulary import EntityId, Oddity
from ledger.kernel import Fold, Recorded, SubjectFold, civil_date
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
    Identity,
    IdType,
    Leaving,
    LegalRepresentativeRecorded,
)


class Leave(msgspec.Struct, array_like=True, gc=False):
    """The day on which a business left its register, and how, if known."""

    on: date
    kind: Leaving | None
    position: int


class Listings(msgspec.Struct, array_like=True, gc=False):
    """When a business was first listed, left its register and was listed again.

    Reports may arrive late and in any order; each counts from its own day. A business that left is
    listed again only by a re-entry, or if an imported register names it again.
    """

    first: date | None = None
    left: list[Leave] = msgspec.field(default_factory=list)
    back: list[tuple[date, int]] = msgspec.field(default_factory=list)

    def register(self, on: date) -> None:
        """Note that the business was on the register on a day."""
        self.first = on if self.first is None else min(self.first, on)

    def named_again(self, record: Recorded) -> None:
        """Apply a revision; for a business never registered, it counts as its registration."""
        if self.first is None:
            self.register(record.occurred_on)
        elif record.envelope.provenance is not None:
            self.back.append((record.occurred_on, record.position))

    def leave(self, event: EntityLeftRegister, record: Recorded) -> None:
        """Note that the business left."""
        on = event.left_on or record.occurred_on
        self.left.append(Leave(on, event.kind, record.position))

    def reenter(self, event: EntityReentered, record: Recorded) -> None:
        """Note that the business is listed again, or that a leaving was annulled."""
        if event.annuls is None:
            self.back.append((event.listed_on, record.position))
        else:
            self.left = [
                leave
                for leave in self.left
                if leave.on != event.annuls or leave.position > record.position
            ]

    def leaving(self, on: date) -> Leave | None:
        """Return the newest leaving by a day, or ``None`` if the business was listed that day."""
        last = max(
            (leave for leave in self.left if leave.on <= on),
            key=lambda leave: (leave.on, leave.position),
            default=None,
        )
        if last is None:
            return None
        again = any(
            last.on < day <= on or (day == last.on and position > last.position)
            for day, position in self.back
        )
        return None if again else last

    def on(self, day: date) -> bool:
        """Return whether the register lists the business on a day."""
        return self.first is not None and self.first <= day and self.leaving(day) is None

    @property
    def now(self) -> bool:
        """Whether the register lists the business, according to the newest reports."""
        return self.first is not None and self.leaving(date.max) is None


class Stated(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A statement of a register about a business; ``fields`` are the fields that it changed."""

    at: datetime
    position: int
    identity: Identity
    fields: tuple[str, ...] = ()


class Identities(msgspec.Struct, array_like=True, gc=False):
    """The present and former names, addresses and other properties of a business.

    A revision that is reported late is sorted in by its own time. Fields changed by later revisions
    keep their later values; all other fields take the values of the late revision.
    """

    said: list[Stated] = msgspec.field(default_factory=list)

    def state(self, identity: Identity, record: Recorded) -> None:
        """Add a statement of the register."""
        at = record.envelope.occurred_at
        before = self.at(at) or Identity()
        fields = tuple(
            name
            for name in Identity.__struct_fields__
            if getattr(identity, name) != getattr(before, name)
        )
        self.said.append(Stated(at, record.position, identity, fields))
        self.said.sort(key=lambda stated: (stated.at, stated.position))

    def at(self, moment: datetime) -> Identity | None:
        """Return the identity at a moment; before the first statement, the first one counts."""
        return self._over([s for s in self.said if s.at <= moment] or self.said[:1])

    def on(self, day: date) -> Identity | None:
        """Return the identity at the end of a day."""
        return self._over([s for s in self.said if civil_date(s.at) <= day] or self.said[:1])

    @property
    def newest(self) -> Identity | None:
        """The identity by all statements."""
        return self._over(self.said)

    @property
    def former_names(self) -> tuple[str, ...]:
        """The names that the business no longer has, oldest first."""
        if len(self.said) < 2:
            return ()
        now = self.newest
        names = dict.fromkeys(
            s.identity.name for s in self.said if s.identity.name and "name" in s.fields
        )
        return tuple(name for name in names if now is None or name != now.name)

    @staticmethod
    def _over(statements: list[Stated]) -> Identity | None:
        if len(statements) < 2:
            return statements[0].identity if statements else None
        values: dict[str, object] = {}
        for stated in statements:
            values.update({name: getattr(stated.identity, name) for name in stated.fields})
        return Identity(**values)  # type: ignore[arg-type]


class Representative(msgspec.Struct, frozen=True, omit_defaults=True):
    """A legal representative of a business since a day, and the unit that recorded them."""

    person: str
    unit: str
    since: date
    id_type: IdType = "01"


class LegalRepresentatives(Fold):
    """Who are and were the legal representatives of this business, in order of time?"""

    entity: EntityId
    items: list[Representative] = msgspec.field(default_factory=list)

    def on_recorded(self, event: LegalRepresentativeRecorded, record: Recorded) -> None:
        unit = record.envelope.actor.unit_id  # the unit that recorded a sealed event may read it
        self.items.append(Representative(event.person, unit, event.since, event.id_type))
        self.items.sort(key=lambda item: item.since)


class Registration(SubjectFold):
    """Is this business registered, under which name, and does its register still list it?

    A report that arrives late counts from the day that it states.
    """

    entity: EntityId
    identities: Identities = msgspec.field(default_factory=Identities)
    listings: Listings = msgspec.field(default_factory=Listings)
    oddity: Oddity | None = None
    register_ref: str | None = None

    @property
    def exists(self) -> bool:
        return bool(self.identities.said)

    @property
    def identity(self) -> Identity | None:
        """Its present name, address and other properties."""
        return self.identities.newest

    @property
    def listed(self) -> bool:
        """Whether its register lists it, according to the newest reports."""
        return self.listings.now

    def left(self, on: date) -> Leave | None:
        """Return how it had left by a day, or ``None`` if it had not."""
        return self.listings.leaving(on)

    def on_registered(self, event: EntityRegistered, record: Recorded) -> None:
        self.identities.state(event.identity, record)
        self.listings.register(record.occurred_on)
        self.oddity, self.register_ref = event.oddity, event.register_ref

    def on_revised(self, event: EntityRevised, record: Recorded) -> None:
        self.identities.state(event.identity, record)
        self.listings.named_again(record)

    def on_left(self, event: EntityLeftRegister, record: Recorded) -> None:
        self.listings.leave(event, record)

    def on_reentered(self, event: EntityReentered, record: Recorded) -> None:
        self.listings.reenter(event, record)
