"""The effects of a nullification: the event itself and the end of records based on the decision.

All events are recorded in one append, so that no record stays based on an undone decision. The
effects are the same for every body that may nullify.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from ledger.kernel import Event, Inquiry, Malformed
from ledger.systems.corrections.events import (
    AlteredField,
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.corrections.folds import DecisionStanding
from ledger.systems.credit.folds import CreditRecords
from ledger.systems.endings.effects import alter_records, end_records
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
    """Return the whole new content of an altered penalty.

    It is given either as ``content`` or as the changed fields in ``altered``. Return ``None`` for
    an act that is not a penalty; ``altered`` then describes the change in words. Raise
    ``Malformed`` for an unknown field, or if ``before`` does not match the present content.
    """
    if act.content is None:
        if content is not None:
            raise Malformed(
                "corrections.content-must-be-given-only-penalty",
                pointer="/content",
            )
        return None
    if content is not None:
        if altered:
            raise Malformed("corrections.altered-must-be-empty-content-given", pointer="/altered")
        return content
    after = msgspec.to_builtins(act.content)
    for place, change in enumerate(altered):
        if change.field not in ("types", "fine_fen", "severity"):
            raise Malformed(
                "corrections.field-must-be-types-fine-fen-severity",
                pointer=f"/altered/{place}/field",
            )
        if _in_no_order(change.before) != _in_no_order(getattr(act.content, change.field)):
            raise Malformed(
                "corrections.before-must-be-present",
                pointer=f"/altered/{place}/before",
                field=change.field,
                decision=act.decision,
                content=getattr(act.content, change.field),
            )
        after[change.field] = change.after
        try:
            msgspec.convert(after, PenaltyContent)
        except msgspec.ValidationError as error:
            raise Malformed(
                "corrections.field-fault",
                pointer=f"/altered/{place}/after",
                field=change.field,
                error=str(error),
            ) from error
    whole = msgspec.convert(after, PenaltyContent)
    # If a type was removed, the amount, licence or term that belongs to it must go too.
    return fitting(whole) if any(c.field == "types" for c in altered) else whole


def _in_no_order(value: Any) -> Any:
    return sorted(value) if isinstance(value, list | tuple) else value


def nullify(
    inquiry: Inquiry,
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
    """Yield the nullification of a decision on record and its effects on credit records.

    If the decision was altered, its credit records take the new content. Any other kind of
    nullification ends them as ``revoked``. In both cases sanctions that have lost their basis are
    lifted and grades are corrected.
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
            daily = str(inquiry.setting("penalty.late_fee_daily"))
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
    known = inquiry.read(CreditRecords(standing.entity))
    resting = known.resting_on(standing.decision, standing.doc_no)
    if kind == "altered":
        if content is not None:
            yield from alter_records(
                inquiry,
                resting,
                decision=standing.decision,
                instrument=instrument,
                severity=content.severity,
                amount_fen=content.fine_fen or None,
            )
        return
    yield from end_records(inquiry, resting, reason="revoked", note=instrument)
