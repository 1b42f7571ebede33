"""What is recorded beside any fact, whoever records it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ledger.general.personaldata import refuse_personal, require_impersonal, words_of
from ledger.kernel import Event, Fact, Reading, civil_date
from ledger.systems.penalties.rules import PUB_R1
from ledger.systems.supervision import rules
from ledger.systems.supervision.events import FindingRaised
from ledger.systems.supervision.findings import finding

#: Nothing entered within a day is late, however the flag is set; it saves the look at the policy.
_SURELY_IN_TIME = timedelta(days=1)


def late_entry(ledger: Reading, facts: list[Fact]) -> Iterator[Event]:
    """GEN-V1: the fact happened more working days ago than ``late_entry_flag`` allows (0.2).

    Imports say themselves when their source knew them and are not judged here.
    """
    own = [fact for fact in facts if fact.provenance is None]
    if not own:
        return
    happened_at = ledger.at
    if own[0].occurred_at is not None and ledger.actor.role != "ledger_clock":
        # A report that states the day itself, as a leaving does; the clock reports nothing.
        happened_at = min(own[0].occurred_at, ledger.at)
    if ledger.now - happened_at <= _SURELY_IN_TIME:
        return
    flag = ledger.policy("late_entry_flag")
    if flag is None:
        return
    happened_on = civil_date(happened_at)
    late = ledger.days().working_days_between(happened_on, ledger.today)
    if late > int(flag.value):
        event = own[0].event
        unit = getattr(event, "unit", None) or None
        about: dict[str, Any] = {}
        if event.visibility() != "sealed":
            about = {
                "unit": unit,
                "entity": getattr(event, "entity", None),
                "task": getattr(event, "task", None),
                "occurred_on": happened_on.isoformat(),
                "recorded": event.TOPIC,
            }
        elif unit == ledger.actor.unit_id:
            # The unit knows what it sealed; supervisors read only that it was late.
            about = {"unit": unit}
        # Else a person reports in confidence late, and not the unit: nothing leads it there.
        yield finding(
            ledger,
            rules.GEN_V1,
            working_days=late,
            protected=not about,
            withheld_from=event.kept_from(),
            **about,
        )


#: Ids that others give: a business's is its register's, and a badge is public by law (执法公示).
_GIVEN = frozenset({"entity", "officer"})


def impersonal(ledger: Reading, facts: list[Fact]) -> tuple[()]:
    """No personal data in clear, whoever records it: nobody can take it out again (0.10).

    What everybody would read is refused under PUB-R1. Registers are imported as they were
    published. The ledger's own findings and what its clock records are made of what was looked at
    when somebody wrote it. Ids are looked at where something is given one, and never afterwards.
    What becomes public later, the commands look at that record it.
    """
    for kind, name in ledger.named:
        if kind not in _GIVEN:
            refuse_personal(name, "/" + kind.replace("-", "_"))
    for place, law in enumerate(ledger.legal_basis):
        for pointer, words in words_of(law):
            refuse_personal(words, f"/legal_basis/{place}{pointer}")
    for fact in facts:
        event = fact.event
        if fact.provenance is not None:
            continue
        if event.visibility() == "public":
            require_impersonal(ledger, PUB_R1, *(words for _, words in words_of(event)))
        elif ledger.actor.role != "ledger_clock" and not _found(event):
            for pointer, words in words_of(event):
                refuse_personal(words, pointer)
    return ()


def _found(event: Event) -> bool:
    return isinstance(event, FindingRaised) and event.auto
