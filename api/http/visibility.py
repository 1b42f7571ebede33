"""Who may see which event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from api.http.tokens import Grant
from ledger.general.audiences import audiences_for, audiences_of, kept_from, visibility_of
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
from ledger.systems.supervision.events import FindingRaised

#: Stands where somebody is not named.
WITHHELD = "withheld"


def may_see(
    grant: Grant,
    visibility: Visibility,
    actor_unit: str,
    tags: Collection[str],
    kept_from: Collection[str] = (),
) -> bool:
    """Whether ``grant`` may see an event of this visibility, recorded by ``actor_unit``.

    ``visibility`` is the one that ``visibility_of`` gives, ``tags`` are the event's stored tags,
    ``kept_from`` the units that must not see it. What is
    shared with a partner's system goes by its subscriptions (``Entitlement``) and not by this.
    """
    if visibility == "public":
        return True
    if visibility != "shared" and grant.unit in kept_from:
        return False
    audiences = audiences_for(grant.role, grant.unit, grant.entity)
    return not audiences.isdisjoint(audiences_of(visibility, actor_unit, tags))


#: What tells a subscriber to remove something. No filter keeps it away.
NOTICES = frozenset({RemovalNotified.TOPIC, RemovalReminded.TOPIC})

#: What ends a record, and what rests on one; and the types of what it ends. It has no addressee:
#: whoever subscribes afterwards reads those in the feed, and has to read their end too.
ENDS: Mapping[str, Collection[str]] = {
    PublicityTerminated.TOPIC: (*TELLS, DecisionPublished.TOPIC, DecisionWithdrawn.TOPIC),
    SanctionLifted.TOPIC: (SanctionApplied.TOPIC,),
    SeriousListRemoved.TOPIC: (SeriousListAdded.TOPIC,),
}


class Entitlement(msgspec.Struct, frozen=True):
    """What its subscriptions let a partner's system read beyond what is public (2.4f).

    ``subscriptions`` are all that it ever had, for the notices that belong to them; ``filters``
    those of the live ones.
    """

    subscriptions: frozenset[str] = frozenset()
    filters: tuple[Filters, ...] = ()

    @property
    def tags(self) -> frozenset[str]:
        """The subjects under which its notices are found."""
        return frozenset(f"subscription:{name}" for name in self.subscriptions)

    def addressed(self, topic: str, tags: Collection[str]) -> bool:
        """Whether an event is a notice to one of the subscriptions."""
        return topic in NOTICES and any(tag in tags for tag in self.tags)

    def unfiltered(self, topic: str, tags: Collection[str]) -> bool:
        """Whether no choice of types or subjects keeps an event away: a notice, or the end of what
        the subscriptions let it read.
        """
        return self.addressed(topic, tags) or any(
            filters.fits(ended, tags) for ended in ENDS.get(topic, ()) for filters in self.filters
        )

    def admits(self, visibility: Visibility, topic: str, tags: Collection[str]) -> bool:
        """Whether an event is shared with it."""
        return self.addressed(topic, tags) or (
            visibility == "shared"
            and (
                self.unfiltered(topic, tags)
                or any(filters.fits(topic, tags) for filters in self.filters)
            )
        )


def may_know(grant: Grant, topic: str, actor_unit: str, tags: Collection[str]) -> bool:
    """Whether ``grant`` may know which person recorded an event that it may see.

    The public is told the unit and the role, and so is a business of what is not about itself. Who
    is behind a finding is as a sealed event would be: whoever reports a unit acts in the same
    command as the findings against it (CMP-R2).

    Whoever may not know is not told the command's id either: it is made of who sent it and of the
    sender's key, and can be tried out.
    """
    if grant.role in ("public", "subscriber_system", "operator"):
        return False
    if grant.role == "entity_rep" and f"entity:{grant.entity}" not in tags:
        return False
    return not hides_actor(grant, topic, actor_unit)


def hides_actor(grant: Grant, topic: str, actor_unit: str) -> bool:
    """Whether not even the unit and the role of who recorded an event are shown."""
    return topic == FindingRaised.TOPIC and not may_see(grant, "sealed", actor_unit, ())


def shown_actor(grant: Grant, topic: str, actor: Actor, tags: Collection[str]) -> Actor:
    """Who recorded an event, as far as ``grant`` may know."""
    if may_know(grant, topic, actor.unit_id, tags):
        return actor
    if hides_actor(grant, topic, actor.unit_id):
        return Actor(unit_id=WITHHELD, person_id=WITHHELD, role=WITHHELD)
    return replace(actor, person_id=WITHHELD)


def may_see_record(grant: Grant, record: Recorded) -> bool:
    """``may_see`` for an event that is at hand as an object."""
    envelope, event = record.envelope, record.event
    unit, tags = envelope.actor.unit_id, event.tags()
    visibility = visibility_of(envelope.type, envelope.visibility, tags)
    return may_see(grant, visibility, unit, tags, event.kept_from())


def may_see_stored(grant: Grant, stored: Any, fields: Mapping[str, Any]) -> bool:
    """``may_see`` for an event as it is stored; ``fields`` are what its bytes say."""
    event = stored.event
    visibility = visibility_of(event.type, fields["visibility"], event.tags)
    kept = kept_from(event.type, visibility, event.tags, event.data)
    return may_see(grant, visibility, fields["actor"]["unit_id"], event.tags, kept)
