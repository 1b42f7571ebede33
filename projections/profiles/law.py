"""The policies whose values profiles show, in the versions adopted up to a position."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType

from msgspec.structs import replace

from ledger.kernel.policies import PolicyVersions
from ledger.systems.credit.regimes import DISHONESTY, MARKET_SUPERVISION, TRANSITION
from projections.source import Source

_ONE_DAY = timedelta(days=1)

#: The policy that caps visits (rulebook 3).
VISIT_CAP = "visit_cap"

#: The policy that sets which share of each grade a draw takes (rulebook 3).
DRAW_RATIO = "draw.ratio"

#: The policy that sets the manner of supervision for each grade (rulebook 2.18).
MANNER = "supervision.manner"

#: The policies from which the earliest day of a repair is calculated.
REGIMES = frozenset({DISHONESTY, MARKET_SUPERVISION, TRANSITION})


class Law:
    """The adopted versions of each policy; call it with a key to get those of one policy."""

    __slots__ = ("_positions", "_versions")

    def __init__(
        self,
        versions: Iterable[PolicyVersions] = (),
        positions: Mapping[str, int] | None = None,
    ) -> None:
        self._versions = {policy.key: policy for policy in versions}
        self._positions = positions or {}

    def __call__(self, key: str) -> PolicyVersions:
        """Return the versions of a policy; none if it was never adopted."""
        return self._versions.get(key) or PolicyVersions(key)

    def draw_ratio(self, grade: str, on: date) -> str | None:
        """Return the share of the businesses of a grade that a draw takes on a day."""
        version = self(DRAW_RATIO).in_force(on, grade=grade)
        value = None if version is None else version.value
        ratio = value.get(grade) if isinstance(value, dict) else value
        return None if ratio is None else str(ratio)

    def manner(self, grade: str, on: date) -> str | None:
        """Return how units supervise businesses of a grade on a day (FIL-R12)."""
        version = self(MANNER).in_force(on, grade=grade)
        entry = version.value.get(grade) if version and isinstance(version.value, dict) else None
        return entry["manner"] if isinstance(entry, dict) else None

    def manner_until(self, day: date) -> date:
        """Return the last day on which the versions that set the manner of ``day`` are in force."""
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
        """Return the position of the last event about any of these policies; 0 if there is none."""
        return max((self._positions.get(key, 0) for key in keys), default=0)


#: Before any policy was adopted.
NO_LAW = Law()


def law_as_of(
    source: Source,
    position: int | None,
    known_as_of: datetime | None = None,
    without: Collection[int | str] = (),
    newest: Mapping[str, int] = MappingProxyType({}),
) -> Law:
    """Return the policies adopted up to a position (the head if ``None``), as known by then.

    ``without``: positions of versions to leave out, as if they had never been adopted. ``newest``:
    policies of which a version stays in force, as if no later one had been adopted.
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
            versions.append(_up_to(policy.over(records), newest.get(key)))
            positions[key] = records[-1].position
    return Law(versions, positions)


def _up_to(policy: PolicyVersions, newest: int | None) -> PolicyVersions:
    """Return a policy without the versions after one, which then has no end."""
    if newest is None:
        return policy
    kept = [version for version in policy.versions if version.version <= newest]
    policy.versions = [
        replace(version, effective_to=None) if version.version == newest else version
        for version in kept
    ]
    return policy
