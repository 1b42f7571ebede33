"""How long a record is public and from when it may be repaired, under each regime (最早修复日).

``reckon`` is pure. The rule that decides, the view that an officer works from and the profile all
call it; they differ only in where they read the policies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Literal, Protocol

import msgspec

from ledger.kernel import PolicyVersionAdopted, Reading
from ledger.kernel.days import add_months, earliest_after_minimum
from ledger.kernel.policies import PolicyVersions
from ledger.systems.credit.events import Channel, CreditRecordEntered, RecordSeverity, Sector
from ledger.systems.credit.folds import Record

#: The regimes, each by itself: what is under several has to satisfy all of them.
DISHONESTY, MARKET_SUPERVISION = "dishonesty.regime", "samr.regime"
TRANSITION = "dishonesty.transition"

#: Where the versions of a policy are read.
Versions = Callable[[str], PolicyVersions]

#: Records that are shown there are the market-supervision system's to repair too (市场监管总局).
_MARKET_SUPERVISION_CHANNEL: Channel = "necips"


class Determined(Protocol):
    """What has to be known of a record to reckon it."""

    @property
    def unit(self) -> str:
        """Who determined it."""

    @property
    def determined_on(self) -> date:
        """From which day publicity counts."""

    @property
    def severity(self) -> RecordSeverity | None:
        """Its class, if it is dishonesty information."""

    @property
    def sector(self) -> Sector:
        """The sector that it is of."""


class Regime(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one version of one regime says of a record.

    ``since`` says by which day the version was chosen: the day of the determination, or the day
    from which the transition applies it to older records. ``min_until`` and ``max_until`` are the
    last days of the shortest and the longest publicity, ``earliest_on`` the first day on which
    repair may be asked for.
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
    """All that the regimes say of one record, and what they come to together.

    Of the regime of its day and the one of the transition, the more favourable to the business
    counts; of the regimes of different systems, each has to be satisfied. ``governing`` are those
    that count; without a severity there are none, and nothing has to be waited for.
    """

    regimes: tuple[Regime, ...] = ()
    governing: tuple[Regime, ...] = ()

    @property
    def earliest_on(self) -> date | None:
        """The first day on which repair may be asked for."""
        return max((regime.earliest_on for regime in self.governing), default=None)

    @property
    def repairable(self) -> bool:
        """Whether no regime that counts shuts its class out of repair."""
        return all(regime.repairable for regime in self.governing)

    def publicity(self, on: date) -> tuple[date | None, date | None]:
        """The last days of the shortest and the longest publicity, by what holds on a day."""
        return _last_days(
            regime
            for regime in self.regimes
            if regime.because != "transition" or regime.since <= on
        )

    @property
    def bounds(self) -> tuple[date | None, date | None]:
        """The last days of the shortest and the longest publicity that the clock will apply.

        A transition that is adopted counts before its day comes: it is foreseen, and moves nothing
        on that day.
        """
        return _last_days(self.regimes)


def _last_days(regimes: Iterable[Regime]) -> tuple[date | None, date | None]:
    bounding = [regime for regime in regimes if regime.max_until is not None]
    return (
        min((regime.min_until for regime in bounding), default=None),
        min((regime.max_until for regime in bounding if regime.max_until), default=None),
    )


def reckon(says: Determined, channels: Collection[Channel], versions: Versions) -> Reckoning:
    """What every regime says of a record that is shown in these channels.

    A record determined before the transition keeps both reckonings; from that day on the one more
    favourable to the business applies (``dishonesty.transition``).
    """
    if says.severity is None:
        return Reckoning()
    found: list[Regime] = []
    governing: list[Regime] = []
    for key in _keys(channels):
        regimes = list(_under(key, says, versions))
        if regimes:
            found += regimes
            governing.append(min(regimes, key=_favour))
    return Reckoning(tuple(found), tuple(governing))


def reckoned(
    ledger: Reading, says: CreditRecordEntered, channels: Collection[Channel]
) -> Reckoning:
    """``reckon`` by what the ledger has adopted; the versions that count are noted."""
    reckoning = reckon(says, channels, lambda key: ledger.read(PolicyVersions(key)))
    for regime in reckoning.governing:
        ledger.policy_refs[regime.policy_key] = regime.version
        if regime.because == "transition":
            ledger.policy(TRANSITION, on=regime.since)
    return reckoning


def last_public_day(ledger: Reading, record: Record) -> date | None:
    """The last day on which a record may be shown, by what holds today; ``None`` if none is set.

    A regime that came after its publicity began may have brought the day nearer
    (``dishonesty.transition``).
    """
    if record.started is None or record.started.max_until is None:
        return None
    assert record.says is not None
    newest = reckoned(ledger, record.says, record.started.channels).publicity(ledger.on)[1]
    return earlier(record.started.max_until, newest)


def earlier(one: date | None, other: date | None) -> date | None:
    """The earlier of two last days, of which either may be absent."""
    return min((day for day in (one, other) if day is not None), default=None)


def of_market_supervision(channels: Collection[Channel]) -> bool:
    """Whether the regime of the market-supervision system holds for what is shown there."""
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
    """Whether a regime has this class; ``special_serious`` is one of the regime of 2019 alone."""
    value: dict[str, Any] = version.value
    if version.key == MARKET_SUPERVISION:
        return says.severity in value["repair_after_months"]
    return value.get(str(says.severity)) is not None


def transition_of(
    adopted: PolicyVersions, determined_on: date, unit: str | None = None
) -> PolicyVersionAdopted | None:
    """The transition that takes an older record in, adopted though its day may be to come."""
    for version in sorted(adopted.versions, key=lambda one: one.effective_from):
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
    # Where nothing has to be waited for, no day ends at midnight first.
    earliest = (
        earliest_after_minimum(says.determined_on, shortest) if shortest else says.determined_on
    )
    # What the transition grants, it grants from its own day on.
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
    """The shortest and the longest publicity in months, and whether the class can be repaired."""
    assert says.severity is not None
    value: dict[str, Any] = version.value
    in_sector: int = value.get("domain_min_months", {}).get(says.sector, 0)
    if version.key == MARKET_SUPERVISION:
        return max(value["repair_after_months"][says.severity], in_sector), None, True
    period: dict[str, Any] = value[says.severity]
    shortest = max(period["min_months"], in_sector)
    return shortest, max(period["max_months"], shortest), period.get("repairable", True)
