"""The policies of which profiles show numbers, in the versions adopted by a place in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from ledger.credit.regimes import DISHONESTY, MARKET_SUPERVISION, TRANSITION
from ledger.kernel.policies import PolicyVersions
from projections.source import Source

#: The policy by which visits are capped (rulebook 3).
VISIT_CAP = "visit_cap"

#: Those by which the earliest repair is reckoned.
REGIMES = frozenset({DISHONESTY, MARKET_SUPERVISION, TRANSITION})


class Law:
    """The versions of each policy; calling it gives those of one."""

    __slots__ = ("_positions", "_versions")

    def __init__(
        self,
        versions: Iterable[PolicyVersions] = (),
        positions: Mapping[str, int] | None = None,
    ) -> None:
        self._versions = {one.key: one for one in versions}
        self._positions = positions or {}

    def __call__(self, key: str) -> PolicyVersions:
        """The versions of a policy; none of one that was never adopted."""
        return self._versions.get(key) or PolicyVersions(key)

    def position(self, *keys: str) -> int:
        """Where the last event about any of these policies stands, 0 if there is none."""
        return max((self._positions.get(key, 0) for key in keys), default=0)


#: Before any policy was adopted.
NO_LAW = Law()


def law_as_of(source: Source, position: int | None, known_as_of: datetime | None = None) -> Law:
    """What was adopted up to a position (to the head without one), as far as it was known then."""
    if position == 0:
        return NO_LAW
    versions, positions = [], {}
    for key in sorted({VISIT_CAP, *REGIMES}):
        policy = PolicyVersions(key)
        records = source.records([policy.selector()], position)
        if known_as_of is not None:
            records = [r for r in records if r.envelope.known_at <= known_as_of]
        if records:
            versions.append(policy.over(records))
            positions[key] = records[-1].position
    return Law(versions, positions)
