"""Decide who may see which event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from api.http.tokens import Grant
from ledger.general.audiences import audiences_for, audiences_of, kept_from, visibility_of
from ledger.general.findings import FindingRaised
from ledger.kernel import Actor, Recorded, Visibility
from ledger.systems.credit.events import PublicityTerminated
from ledger.systems.dishonesty.events import (
    SanctionApplied,
    SanctionLifted,
    SeriousListAdded,
    SeriousListRemoved,
)
from ledger.systems.penalties.events import DecisionPublished, DecisionWithdrawn
from ledger.systems.sharing.events import Filters, RemovalNotified, RemovalReminded
from ledger.systems.sharing.folds import TELLS

#: Shown instead of a name that the reader may not know.
WITHHELD = "withheld"


def may_see(
    grant: Grant,
    visibility: Visibility,
    actor_unit: str,
    tags: Collection[str],
    kept_from: Collection[str] = (),
) -> bool:
    """Return whether ``grant`` may see an event of this visibility, recorded by ``actor_unit``.

    ``visibility`` comes from ``visibility_of``; ``tags`` are the event's stored tags; the units in
    ``kept_from`` must not see it. Data shared with a partner's system depends on its subscriptions
    (``Entitlement``) instead.
    """
    if visibility == "public":
        return True
    if visibility != "shared" and grant.unit in kept_from:
        return False
    audiences = audiences_for(grant.role, grant.unit, grant.entity)
    return not audiences.isdisjoint(audiences_of(visibility, actor_unit, tags))


#: Events that tell a subscriber to remove data. They pass every filter.
NOTICES = frozenset({RemovalNotified.TOPIC, RemovalReminded.TOPIC})

#: Events that end a record or its effects, and the types that they end. They have no addressee: a
#: later subscriber reads the ended events in the feed and must read their end too.
ENDS: Mapping[str, Collection[str]] = {
    PublicityTerminated.TOPIC: (*TELLS, DecisionPublished.TOPIC, DecisionWithdrawn.TOPIC),
    SanctionLifted.TOPIC: (SanctionApplied.TOPIC,),
    SeriousListRemoved.TOPIC: (SeriousListAdded.TOPIC,),
}


class Entitlement(msgspec.Struct, frozen=True):
    """What a partner's system may read through its subscriptions, beyond public data (2.4f).

    ``subscriptions``: all it ever had, for the notices addressed to them; ``filters``: those of
    the active ones.
    """

    subscriptions: frozenset[str] = frozenset()
    filters: tuple[Filters, ...] = ()

    @property
    def tags(self) -> frozenset[str]:
        """The tags under which its notices are found."""
        return frozenset(f"subscription:{name}" for name in self.subscriptions)

    def addressed(self, topic: str, tags: Collection[str]) -> bool:
        """Return whether an event is a notice to one of the subscriptions."""
        return topic in NOTICES and any(tag in tags for tag in self.tags)

    def unfiltered(self, topic: str, tags: Collection[str]) -> bool:
        """Return whether an event passes any choice of types and subjects: notices, and events
        that end something which the subscriptions let it read.
        """
        return self.addressed(topic, tags) or any(
            filters.fits(ended, tags) for ended in ENDS.get(topic, ()) for filters in self.filters
        )

    def admits(self, visibility: Visibility, topic: str, tags: Collection[str]) -> bool:
        """Return whether an event is shared with this system."""
        return self.addressed(topic, tags) or (
            visibility == "shared"
            and (
                self.unfiltered(topic, tags)
                or any(filters.fits(topic, tags) for filters in self.filters)
            )
        )


def may_know(grant: Grant, topic: str, actor_unit: str, tags: Collection[str]) -> bool:
    """Return whether ``grant`` may know which person recorded an event that it may see.

    The public is told only the unit and the role; so is a business, for events that are not about
    it. The person behind a finding is treated like a sealed event: a person who reports a unit acts
    in the same command as the resulting findings (CMP-R2).

    A reader who may not know the person is not told the command's id either: it is derived from the
    sender and the sender's key, so guesses could be tried against it.
    """
    if grant.role in ("public", "subscriber_system", "operator"):
        return False
    if grant.role == "entity_rep" and f"entity:{grant.entity}" not in tags:
        return False
    return not hides_actor(grant, topic, actor_unit)


def hides_actor(grant: Grant, topic: str, actor_unit: str) -> bool:
    """Return whether even the unit and the role of the person who recorded an event are hidden."""
    return topic == FindingRaised.TOPIC and not may_see(grant, "sealed", actor_unit, ())


def shown_actor(grant: Grant, topic: str, actor: Actor, tags: Collection[str]) -> Actor:
    """Return the actor of an event, without what ``grant`` may not know."""
    if may_know(grant, topic, actor.unit_id, tags):
        return actor
    if hides_actor(grant, topic, actor.unit_id):
        return Actor(unit_id=WITHHELD, person_id=WITHHELD, role=WITHHELD)
    return replace(actor, person_id=WITHHELD)


def may_see_record(grant: Grant, record: Recorded) -> bool:
    """Apply ``may_see`` to an event that is available as an object."""
    envelope, event = record.envelope, record.event
    unit, tags = envelope.actor.unit_id, event.tags()
    visibility = visibility_of(envelope.type, envelope.visibility, tags)
    return may_see(grant, visibility, unit, tags, event.kept_from())


def may_see_stored(grant: Grant, stored: Any, fields: Mapping[str, Any]) -> bool:
    """Apply ``may_see`` to a stored event; ``fields`` are its decoded content."""
    event = stored.event
    visibility = visibility_of(event.type, fields["visibility"], event.tags)
    kept = kept_from(event.type, visibility, event.tags, event.data)
    return may_see(grant, visibility, fields["actor"]["unit_id"], event.tags, kept)
