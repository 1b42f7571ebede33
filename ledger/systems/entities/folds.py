"""Folds about market entities."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from ledger.general.vocabulary import EntityId, Oddity
from ledger.kernel import Fold, Recorded, civil_date
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
    """A business left its register on a day, in a way that is known or not."""

    on: date
    kind: Leaving | None
    position: int


class Listings(msgspec.Struct, array_like=True, gc=False):
    """Since when a business is listed, when it left and when it was listed again, by their days.

    Reports may come late and in any order. Only a re-entry lists a business again; registers that
    are imported say by naming it that it is back.
    """

    first: date | None = None
    left: list[Leave] = msgspec.field(default_factory=list)
    back: list[tuple[date, int]] = msgspec.field(default_factory=list)

    def register(self, on: date) -> None:
        """It is on the register at the latest since this day."""
        self.first = on if self.first is None else min(self.first, on)

    def named_again(self, record: Recorded) -> None:
        """A revision: of one that was never registered it is the first that is heard."""
        if self.first is None:
            self.register(record.occurred_on)
        elif record.envelope.provenance is not None:
            self.back.append((record.occurred_on, record.position))

    def leave(self, event: EntityLeftRegister, record: Recorded) -> None:
        """It left."""
        on = event.left_on or record.occurred_on
        self.left.append(Leave(on, event.kind, record.position))

    def reenter(self, event: EntityReentered, record: Recorded) -> None:
        """It is back; or it never left, where the leaving of a day was annulled."""
        if event.annuls is None:
            self.back.append((event.listed_on, record.position))
        else:
            self.left = [
                one for one in self.left if one.on != event.annuls or one.position > record.position
            ]

    def leaving(self, on: date) -> Leave | None:
        """The leaving that holds on a day: the newest by then, unless it was listed again since."""
        last = max(
            (one for one in self.left if one.on <= on),
            key=lambda one: (one.on, one.position),
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
        """Whether it stands in the register on a day."""
        return self.first is not None and self.first <= day and self.leaving(day) is None

    @property
    def now(self) -> bool:
        """Whether it stands in the register by the newest that is known."""
        return self.first is not None and self.leaving(date.max) is None


class Stated(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a register said of a business, since when; ``fields`` are those that it changed."""

    at: datetime
    position: int
    identity: Identity
    fields: tuple[str, ...] = ()


class Identities(msgspec.Struct, array_like=True, gc=False):
    """What a business is and was called, and where it was, by the days from which it was so.

    A revision that is reported late takes its place in time; what later ones changed stays as they
    say, and what they did not change follows the late one.
    """

    said: list[Stated] = msgspec.field(default_factory=list)

    def state(self, identity: Identity, record: Recorded) -> None:
        """One more revision, or the first that is heard."""
        at = record.envelope.occurred_at
        before = self.at(at) or Identity()
        fields = tuple(
            name
            for name in Identity.__struct_fields__
            if getattr(identity, name) != getattr(before, name)
        )
        self.said.append(Stated(at, record.position, identity, fields))
        self.said.sort(key=lambda one: (one.at, one.position))

    def at(self, moment: datetime) -> Identity | None:
        """What it was at a moment; before the first that was heard it was as that says."""
        return self._over([one for one in self.said if one.at <= moment] or self.said[:1])

    def on(self, day: date) -> Identity | None:
        """What it was by the end of a day."""
        said = [one for one in self.said if civil_date(one.at) <= day]
        return self._over(said or self.said[:1])

    @property
    def newest(self) -> Identity | None:
        """What it is by all that was heard."""
        return self._over(self.said)

    @property
    def former_names(self) -> tuple[str, ...]:
        """The names that it had and has no longer, oldest first."""
        if len(self.said) < 2:
            return ()
        now = self.newest
        names = dict.fromkeys(
            one.identity.name for one in self.said if one.identity.name and "name" in one.fields
        )
        return tuple(name for name in names if now is None or name != now.name)

    @staticmethod
    def _over(said: list[Stated]) -> Identity | None:
        if len(said) < 2:
            return said[0].identity if said else None
        values: dict[str, object] = {}
        for one in said:
            values.update({name: getattr(one.identity, name) for name in one.fields})
        return Identity(**values)  # type: ignore[arg-type]


class Representative(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who speaks for a business by law since a day: a person, and the unit that took them down."""

    person: str
    unit: str
    since: date
    id_type: IdType = "01"


class LegalRepresentatives(Fold):
    """Who speaks, and has spoken, for this business by law, in the order of the days?"""

    entity: EntityId
    items: list[Representative] = msgspec.field(default_factory=list)

    def on_recorded(self, event: LegalRepresentativeRecorded, record: Recorded) -> None:
        unit = record.envelope.actor.unit_id  # as with any sealed event: who recorded it reads it
        self.items.append(Representative(event.person, unit, event.since, event.id_type))
        self.items.sort(key=lambda item: item.since)


class Registration(Fold):
    """Is this business registered, under which name, and does its register list it?

    Late reports count from their own day.
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
        """What it is called and where it is by the newest fact."""
        return self.identities.newest

    @property
    def listed(self) -> bool:
        """Whether its register lists it by the newest fact."""
        return self.listings.now

    def left(self, on: date) -> Leave | None:
        """How it had left on a day, ``None`` if it had not."""
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
