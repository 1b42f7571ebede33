"""What a nullification brings about, whoever decides it: the fact, and the end of what rests on it.

Whatever is recorded is one append, so that nothing goes on under a decision that is undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from ledger.kernel import Event, Malformed, Reading
from ledger.systems.corrections.events import (
    AlteredField,
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.corrections.folds import DecisionStanding
from ledger.systems.credit.effects import alter_records, end_records
from ledger.systems.credit.folds import CreditRecords
from ledger.systems.penalties.events import PenaltyContent
from ledger.systems.penalties.folds import Decision
from ledger.systems.penalties.rules import fitting

NullificationKind = Literal["revoked", "altered", "declared_unlawful", "declared_void"]

_EVENTS: Mapping[NullificationKind, type[Event]] = {
    "revoked": DecisionRevoked,
    "declared_unlawful": DecisionDeclaredUnlawful,
    "declared_void": DecisionDeclaredVoid,
}


def altered_content(
    act: Decision, content: PenaltyContent | None, altered: tuple[AlteredField, ...]
) -> PenaltyContent | None:
    """The whole content of an altered decision, said whole or by the fields that change.

    ``None`` for an act that is no penalty, of which ``altered`` says in words what is altered.
    Raises ``Malformed`` for a field that a penalty has not, or that says something else.
    """
    if act.content is None:
        if content is not None:
            raise Malformed(
                "only a penalty has a content; say in altered what is altered of this act",
                "/content",
            )
        return None
    if content is not None:
        if altered:
            raise Malformed("the content of a penalty is said whole and once", "/altered")
        return content
    after = msgspec.to_builtins(act.content)
    for place, change in enumerate(altered):
        if change.field not in ("types", "fine_fen", "severity"):
            raise Malformed(
                "a penalty is altered by its content, or by its types, fine_fen and severity",
                f"/altered/{place}/field",
            )
        if _in_no_order(change.before) != _in_no_order(getattr(act.content, change.field)):
            raise Malformed(
                f"{change.field} of {act.decision} is {getattr(act.content, change.field)!r}",
                f"/altered/{place}/before",
            )
        after[change.field] = change.after
        try:
            msgspec.convert(after, PenaltyContent)
        except msgspec.ValidationError as error:
            raise Malformed(f"{change.field}: {error}", f"/altered/{place}/after") from error
    whole = msgspec.convert(after, PenaltyContent)
    # Without the kind there is no amount, licence or term.
    return fitting(whole) if any(c.field == "types" for c in altered) else whole


def _in_no_order(value: Any) -> Any:
    return sorted(value) if isinstance(value, list | tuple) else value


def nullify(
    ledger: Reading,
    standing: DecisionStanding,
    kind: NullificationKind,
    *,
    by: str,
    instrument: str,
    effective_on: date,
    reason: str,
    altered: tuple[AlteredField, ...] = (),
    before: PenaltyContent | None = None,
    content: PenaltyContent | None = None,
    recon: str | None = None,
) -> Iterator[Event]:
    """Record what a competent body decided about a decision on record, and what follows from it.

    The credit records of an altered decision say its new content from the day of each on. Any other
    nullification ends them as ``revoked``. In both cases sanctions that rest on what is no more so
    are lifted, and grades put right.
    """
    fields: dict[str, Any] = {
        "decision": standing.decision,
        "unit": standing.unit,
        "entity": standing.entity,
        "by": by,
        "instrument": instrument,
        "effective_on": effective_on,
        "reason": reason,
        "violation_code": standing.violation_code,
    }
    if kind == "altered":
        daily = None
        if recon is None and content is not None and content.fine_fen:
            daily = str(ledger.setting("penalty.late_fee_daily"))
        yield DecisionAltered(
            **fields,
            altered=altered,
            before=before,
            content=content,
            recon=recon,
            late_fee_daily=daily,
        )
    else:
        yield _EVENTS[kind](**fields)
    if standing.entity is None:
        return
    known = ledger.read(CreditRecords(standing.entity))
    resting = known.resting_on(standing.decision, standing.doc_no)
    if kind == "altered":
        if content is not None:
            yield from alter_records(
                ledger,
                resting,
                decision=standing.decision,
                instrument=instrument,
                severity=content.severity,
                amount_fen=content.fine_fen or None,
            )
        return
    yield from end_records(ledger, resting, reason="revoked", note=instrument)
