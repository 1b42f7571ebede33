"""What is recorded beside any fact, whoever records it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ledger.impersonal import require_impersonal, words_of
from ledger.kernel import Event, Fact, Reading
from ledger.penalties.rules import PUB_R1
from ledger.supervision import rules
from ledger.supervision.findings import finding

#: Nothing entered within a day is late, however the flag is set; it saves the look at the policy.
_SURELY_IN_TIME = timedelta(days=1)


def late_entry(ledger: Reading, facts: list[Fact]) -> Iterator[Event]:
    """GEN-V1: the fact happened more working days ago than ``late_entry_flag`` allows (0.2).

    Imports say themselves when their source knew them and are not judged here.
    """
    if ledger.now - ledger.at <= _SURELY_IN_TIME:
        return
    own = [fact for fact in facts if fact.provenance is None]
    if not own:
        return
    flag = ledger.policy("late_entry_flag")
    if flag is None:
        return
    late = ledger.days().working_days_between(ledger.on, ledger.today)
    if late > int(flag.value):
        event = own[0].event
        unit = getattr(event, "unit", None) or None
        if event.visibility() == "sealed" and unit != ledger.actor.unit_id:
            # Whoever reports in confidence is late, and not the unit: nothing leads it there.
            about: dict[str, str | None] = {}
        else:
            about = {
                "unit": unit,
                "entity": getattr(event, "entity", None),
                "task": getattr(event, "task", None),
            }
        yield finding(
            ledger,
            rules.GEN_V1,
            **about,  # type: ignore[arg-type]
            occurred_on=ledger.on.isoformat(),
            working_days=late,
            recorded=event.TOPIC,
        )


def impersonal(ledger: Reading, facts: list[Fact]) -> tuple[()]:
    """PUB-R1: no personal data in what everybody reads, whoever records it.

    Registers are imported as they were published. What becomes public later, out of an event that
    is not, the commands look at that record it.
    """
    for fact in facts:
        if fact.provenance is None and fact.event.visibility() == "public":
            require_impersonal(ledger, PUB_R1, *words_of(fact.event))
    return ()
