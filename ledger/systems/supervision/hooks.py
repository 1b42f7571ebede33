"""The checks that run on the facts of every command: late entry, and personal data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ledger.general.findings import FindingRaised, finding
from ledger.general.personaldata import refuse_personal, require_impersonal, words_of
from ledger.kernel import Event, Fact, Inquiry, civil_date
from ledger.systems.penalties.rules import PUB_R1
from ledger.systems.supervision import rules

#: An entry within a day is never late, whatever the policy says; this saves reading the policy.
_SURELY_IN_TIME = timedelta(days=1)


def late_entry(inquiry: Inquiry, facts: list[Fact]) -> Iterator[Event]:
    """Yield GEN-V1 if a fact is older than ``late_entry_flag`` working days (0.2).

    Imported facts are left out, because an import states when its source knew them.
    """
    own = [fact for fact in facts if fact.provenance is None]
    if not own:
        return
    happened_at = inquiry.at
    if own[0].occurred_at is not None and inquiry.actor.role != "ledger_clock":
        # The command states the day itself, as a deregistration does. The clock does not report.
        happened_at = min(own[0].occurred_at, inquiry.at)
    if inquiry.now - happened_at <= _SURELY_IN_TIME:
        return
    flag = inquiry.policy("late_entry_flag")
    if flag is None:
        return
    happened_on = civil_date(happened_at)
    late = inquiry.days().working_days_between(happened_on, inquiry.today)
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
        elif unit == inquiry.actor.unit_id:
            # The unit knows its sealed fact; supervisors learn only that it was late.
            about = {"unit": unit}
        # Otherwise a person reported late in confidence; the finding must not lead the unit there.
        yield finding(
            inquiry,
            rules.GEN_V1,
            working_days=late,
            protected=not about,
            withheld_from=event.kept_from(),
            **about,
        )


#: Ids that this ledger does not make: a register gives that of a business, and the badge of an
#: officer is public by law (执法公示).
_GIVEN = frozenset({"entity", "officer"})


def impersonal(inquiry: Inquiry, facts: list[Fact]) -> tuple[()]:
    """Refuse personal data in clear text, because it could never be removed again (0.10).

    Public events are refused under PUB-R1. Imported registers are left out, because they were
    published. Automatic findings and events of the clock are left out, because they repeat text
    that was checked when it was written. An id is checked only when it is given. If text becomes
    public later, the command that publishes it checks it.
    """
    for kind, name in inquiry.named:
        if kind not in _GIVEN:
            refuse_personal(name, "/" + kind.replace("-", "_"))
    for index, law in enumerate(inquiry.legal_basis):
        for pointer, words in words_of(law):
            refuse_personal(words, f"/legal_basis/{index}{pointer}")
    for fact in facts:
        event = fact.event
        if fact.provenance is not None:
            continue
        if event.visibility() == "public":
            require_impersonal(inquiry, PUB_R1, *(words for _, words in words_of(event)))
        elif inquiry.actor.role != "ledger_clock" and not _is_automatic_finding(event):
            for pointer, words in words_of(event):
                refuse_personal(words, pointer)
    return ()


def _is_automatic_finding(event: Event) -> bool:
    return isinstance(event, FindingRaised) and event.auto
