"""The policies of which profiles show numbers, in the versions adopted by a place in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta

from ledger.kernel.policies import PolicyVersions
from ledger.systems.credit.regimes import DISHONESTY, MARKET_SUPERVISION, TRANSITION
from projections.source import Source

_ONE_DAY = timedelta(days=1)

#: The policy by which visits are capped (rulebook 3).
VISIT_CAP = "visit_cap"

#: The policy by which draws take more of the graver grades (rulebook 3).
DRAW_RATIO = "draw.ratio"

#: The policy by which a grade decides the manner of supervision (rulebook 2.18).
MANNER = "supervision.manner"

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

    def draw_ratio(self, grade: str, on: date) -> str | None:
        """The share of the businesses of a grade that a draw takes on a day."""
        version = self(DRAW_RATIO).in_force(on, grade=grade)
        value = None if version is None else version.value
        ratio = value.get(grade) if isinstance(value, dict) else value
        return None if ratio is None else str(ratio)

    def manner(self, grade: str, on: date) -> str | None:
        """How units supervise the businesses of a grade on a day (FIL-R12)."""
        version = self(MANNER).in_force(on, grade=grade)
        said = version.value.get(grade) if version and isinstance(version.value, dict) else None
        return said["manner"] if isinstance(said, dict) else None

    def manner_until(self, day: date) -> date:
        """The last day until which the versions that say the manner of a day stay in force."""
        turns = [
            turn
            for version in self(MANNER).versions
            for turn in (
                version.effective_from,
                None if version.effective_to is None else version.effective_to + _ONE_DAY,
            )
            if turn is not None and turn > day
        ]
        return min(turns) - _ONE_DAY if turns else date.max

    def position(self, *keys: str) -> int:
        """Where the last event about any of these policies stands, 0 if there is none."""
        return max((self._positions.get(key, 0) for key in keys), default=0)


#: Before any policy was adopted.
NO_LAW = Law()


def law_as_of(
    source: Source,
    position: int | None,
    known_as_of: datetime | None = None,
    without: Collection[int | str] = (),
) -> Law:
    """What was adopted up to a position (to the head without one), as far as it was known then.

    ``without``: positions that are left out, as if those versions had never been adopted.
    """
    if position == 0:
        return NO_LAW
    versions, positions = [], {}
    for key in sorted({VISIT_CAP, DRAW_RATIO, MANNER, *REGIMES}):
        policy = PolicyVersions(key)
        records = source.records([policy.selector()], position)
        records = [r for r in records if r.position not in without]
        if known_as_of is not None:
            records = [r for r in records if r.envelope.known_at <= known_as_of]
        if records:
            versions.append(policy.over(records))
            positions[key] = records[-1].position
    return Law(versions, positions)
