"""Decide which events a partner's system may see through its subscriptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from ledger.kernel import Visibility
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
