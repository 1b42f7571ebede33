"""How long a record is public and when it may first be repaired, under each regime (最早修复日).

``reckon`` is a pure function. The rules, the views of officers and the profile all call it; each
passes the policies from its own source.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Literal, Protocol

import msgspec

from ledger.general.values import Sector
from ledger.kernel import Inquiry, PolicyVersionAdopted
from ledger.kernel.days import add_months, earliest_after_minimum
from ledger.kernel.policies import PolicyVersions
from ledger.systems.credit.events import Channel, CreditRecordEntered, RecordSeverity
from ledger.systems.credit.folds import Record

#: The policy keys of the regimes. A record under several regimes must satisfy all of them.
DISHONESTY, MARKET_SUPERVISION = "dishonesty.regime", "samr.regime"
TRANSITION = "dishonesty.transition"

#: A function that returns all versions of a policy by its key.
Versions = Callable[[str], PolicyVersions]

#: Records shown in this channel are also under the market-supervision regime (市场监管总局).
_MARKET_SUPERVISION_CHANNEL: Channel = "necips"


class Determined(Protocol):
    """The properties of a record that ``reckon`` needs."""

    @property
    def unit(self) -> str:
        """The unit that determined it."""

    @property
    def determined_on(self) -> date:
        """The day of the determination, from which publicity counts."""

    @property
    def severity(self) -> RecordSeverity | None:
        """Its class; ``None`` unless it is dishonesty information."""

    @property
    def sector(self) -> Sector:
        """The sector of the record."""


class Regime(msgspec.Struct, frozen=True, omit_defaults=True):
    """The periods of a record under one version of a regime.

    ``since`` is the day by which the version was chosen: the day of the determination, or the day
    from which the transition applies the version to older records. ``min_until`` and ``max_until``
    are the last days of the shortest and the longest publicity. ``earliest_on`` is the first day on
    which repair may be requested.
    """

    policy_key: str
    version: int
    law: str
    because: Literal["determination", "transition"]
    since: date
    min_until: date
    earliest_on: date
    repairable: bool = True
    max_until: date | None = None


class Reckoning(msgspec.Struct, frozen=True):
    """The periods of a record under all regimes, and their combined result.

    A transition may apply a newer version of a regime to an older record. Of the two versions the
    one more favourable to the business governs. If regimes with different policy keys apply, all of
    them must be satisfied. ``governing`` has the versions that govern. It is empty for a record
    without a severity, which may be repaired at any time.
    """

    regimes: tuple[Regime, ...] = ()
    governing: tuple[Regime, ...] = ()

    @property
    def earliest_on(self) -> date | None:
        """The first day on which repair may be requested."""
        return max((regime.earliest_on for regime in self.governing), default=None)

    @property
    def repairable(self) -> bool:
        """Whether all governing regimes allow the repair of this class."""
        return all(regime.repairable for regime in self.governing)

    def publicity(self, on: date) -> tuple[date | None, date | None]:
        """Return the last days of the shortest and the longest publicity, as known on a day."""
        return _last_days(
            regime
            for regime in self.regimes
            if regime.because != "transition" or regime.since <= on
        )

    @property
    def bounds(self) -> tuple[date | None, date | None]:
        """The last days of the shortest and the longest publicity, used for deadlines.

        An adopted transition counts even before it takes effect, so that the deadlines do not have
        to move on that day.
        """
        return _last_days(self.regimes)


def _last_days(regimes: Iterable[Regime]) -> tuple[date | None, date | None]:
    bounding = [regime for regime in regimes if regime.max_until is not None]
    return (
        min((regime.min_until for regime in bounding), default=None),
        min((regime.max_until for regime in bounding if regime.max_until), default=None),
    )


def reckon(says: Determined, channels: Collection[Channel], versions: Versions) -> Reckoning:
    """Compute, under every regime, the periods of a record that is shown in ``channels``.

    A record determined before the transition has two results per regime: by the old rule and by
    the new one. From the day of the transition the one more favourable to the business applies
    (``dishonesty.transition``).
    """
    if says.severity is None:
        return Reckoning()
    all_regimes: list[Regime] = []
    governing: list[Regime] = []
    for key in _keys(channels):
        regimes = list(_under(key, says, versions))
        if regimes:
            all_regimes += regimes
            governing.append(min(regimes, key=_favour))
    return Reckoning(tuple(all_regimes), tuple(governing))


def reckoned(
    inquiry: Inquiry, says: CreditRecordEntered, channels: Collection[Channel]
) -> Reckoning:
    """Call ``reckon`` with the adopted policies, and note the versions that govern."""
    reckoning = reckon(says, channels, lambda key: inquiry.read(PolicyVersions(key)))
    for regime in reckoning.governing:
        inquiry.policy_refs[regime.policy_key] = regime.version
        if regime.because == "transition":
            inquiry.policy(TRANSITION, on=regime.since)
    return reckoning


def last_public_day(inquiry: Inquiry, record: Record) -> date | None:
    """Return the last day on which a record may be shown, as of today; ``None`` if none is set.

    A regime adopted after its publicity began may have made the day earlier
    (``dishonesty.transition``).
    """
    if record.started is None or record.started.max_until is None:
        return None
    newest = reckoned(inquiry, record.says, record.started.channels).publicity(inquiry.on)[1]
    return earlier(record.started.max_until, newest)


def earlier(first: date | None, second: date | None) -> date | None:
    """Return the earlier of two days; either or both may be ``None``."""
    return min((day for day in (first, second) if day is not None), default=None)


def of_market_supervision(channels: Collection[Channel]) -> bool:
    """Return whether a record in these channels is under the market-supervision regime."""
    return _MARKET_SUPERVISION_CHANNEL in channels


def _keys(channels: Collection[Channel]) -> Iterator[str]:
    yield DISHONESTY
    if of_market_supervision(channels):
        yield MARKET_SUPERVISION


def _favour(regime: Regime) -> tuple[bool, date]:
    return not regime.repairable, regime.earliest_on


def _under(key: str, says: Determined, versions: Versions) -> Iterator[Regime]:
    regimes = versions(key)
    day = says.determined_on
    own = regimes.in_force(day, unit=says.unit)
    if own is not None and _knows(own, says):
        yield _regime(own, says, "determination", day)
    transition = transition_of(versions(TRANSITION), day, says.unit)
    if transition is None:
        return
    first = transition.effective_from
    new = regimes.in_force(first, unit=says.unit)
    if new is not None and new != own and _knows(new, says):
        yield _regime(new, says, "transition", first)


def _knows(version: PolicyVersionAdopted, says: Determined) -> bool:
    """Return whether a regime has this class; only the 2019 regime has ``special_serious``."""
    value: dict[str, Any] = version.value
    if version.key == MARKET_SUPERVISION:
        return says.severity in value["repair_after_months"]
    return value.get(str(says.severity)) is not None


def transition_of(
    adopted: PolicyVersions, determined_on: date, unit: str | None = None
) -> PolicyVersionAdopted | None:
    """Return the transition that applies to an older record, even if it is not in effect yet."""
    for version in sorted(adopted.versions, key=lambda version: version.effective_from):
        first = version.effective_from
        holds = adopted.in_force(first, unit=unit) == version
        if holds and version.value == "more_favourable" and determined_on < first:
            return version
    return None


def _regime(
    version: PolicyVersionAdopted,
    says: Determined,
    because: Literal["determination", "transition"],
    since: date,
) -> Regime:
    shortest, longest, repairable = _months(version, says)
    # Without a shortest publicity, repair may be requested on the day of the determination itself.
    earliest = (
        earliest_after_minimum(says.determined_on, shortest) if shortest else says.determined_on
    )
    # The transition grants nothing before its own day.
    first, last = date.min, date.min
    if because == "transition":
        first, last = since, since - timedelta(days=1)
    min_until = max(add_months(says.determined_on, shortest), last)
    max_until = None if longest is None else max(add_months(says.determined_on, longest), last)
    return Regime(
        policy_key=version.key,
        version=version.version,
        law=version.source.instrument,
        because=because,
        since=since,
        min_until=min_until,
        earliest_on=max(earliest, first),
        repairable=repairable,
        max_until=max_until,
    )


def _months(version: PolicyVersionAdopted, says: Determined) -> tuple[int, int | None, bool]:
    """Return the shortest and longest publicity in months, and whether repair is possible."""
    assert says.severity is not None
    value: dict[str, Any] = version.value
    in_sector: int = value.get("domain_min_months", {}).get(says.sector, 0)
    if version.key == MARKET_SUPERVISION:
        return max(value["repair_after_months"][says.severity], in_sector), None, True
    period: dict[str, Any] = value[says.severity]
    shortest = max(period["min_months"], in_sector)
    return shortest, max(period["max_months"], shortest), period.get("repairable", True)
