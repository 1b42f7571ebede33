"""Penalty cases, decisions with their payments, and discretion benchmarks."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import caught_up, one_row, placed, read
from api.http.listing import Listing, Where, concerned, everybody, shown
from api.http.problems import not_found
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Parameter, Resource
from ledger.systems.penalties.events import DecisionWithdrawn, Procedure, WithdrawalReason
from ledger.systems.penalties.folds import Case, Decision
from projections.answers import shown_type
from projections.systems.deadlines import Deadlines, is_provisional
from projections.systems.penalties import (
    DECISIONS,
    BenchmarksOfUnits,
    Cases,
    Decisions,
    still_public,
)
from projections.systems.records import Records

#: Positions in the ledger, which are not part of a document.
_PLACES = {"filed_at", "noticed_at", "decided_at", "served_at"}


def _case(case: Case, reader: Reader) -> dict[str, Any]:
    document = shown(case, _PLACES)
    if not reader.is_bureau and reader.unit != case.filed.unit:
        document.pop("discussions", None)  # internal to the unit
    if reader.role == "entity_rep":
        document.pop("evidence", None)  # it could reveal who provided it
    return document


def _readable(reader: Reader, table: sa.Table, follows_record: bool | None) -> Where:
    """Return decisions that are public today, and those that concern the reader."""
    published = still_public(reader.today) if follows_record else table.c.published_on.is_not(None)
    if reader.audience() == "public" and reader.role != "entity_rep":
        return [published]
    return [sa.or_(published, reader.concerned(table.c.unit, table.c.entity))]


def _kept(reader: Reader, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition for decisions of which a reader sees more than what is published."""
    if reader.audience() == "public" and reader.role != "entity_rep":
        return sa.false()
    return reader.concerned(table.c.unit, table.c.entity)


def _column(reader: Reader, table: sa.Table, name: str) -> sa.ColumnElement[Any]:
    """Return the column for a filter: the case of a decision is not published with it."""
    return table.c[name] if name != "case" else sa.case((_kept(reader, table), table.c.case))


def _decision(decision: Decision, reader: Reader) -> dict[str, Any]:
    decided = decision.decision_made
    if decided is None or not _is_concerned(reader, decided.unit, decided.entity):
        return _published(decision)
    document = shown(decision, _PLACES)
    if decision.served is not None and decision.fine_fen:
        document["outstanding_fen"] = decision.outstanding(date.max)
    return document


def _is_concerned(reader: Reader, unit: str, entity: str) -> bool:
    if reader.in_unit:
        return reader.unit == unit
    return reader.audience(entity) != "public"


def _published(decision: Decision) -> dict[str, Any]:
    """Return the public part: the decision as published, or the reason for its withdrawal."""
    published, withdrawn = decision.published, decision.withdrawn
    assert published is not None
    document: dict[str, Any] = {
        "decision": decision.decision,
        "entity": published.entity,
        "unit": published.unit,
        "published_on": published.published_on,
    }
    earlier = [_withdrawn(text) for text in decision.withdrawals if text != withdrawn]
    if published.version > 1:
        document["version"] = published.version
    if earlier:
        document["earlier"] = earlier
    if withdrawn is None:
        document |= {"summary": published.summary, "redactions": published.redactions}
        return document | ({} if published.url is None else {"url": published.url})
    if decision.exists:
        document["doc_no"] = decision.decided.doc_no
    last: dict[str, Any] = msgspec.to_builtins(_withdrawn(withdrawn))
    del last["version"]
    return document | last


class WithdrawnText(msgspec.Struct, frozen=True, omit_defaults=True):
    """What remains of a withdrawn text: since when and why it is withdrawn."""

    version: int
    withdrawn_on: date
    reason: WithdrawalReason
    explanation: str
    explanation_url: str | None = None


def _withdrawn(withdrawn: DecisionWithdrawn) -> WithdrawnText:
    names = WithdrawnText.__struct_fields__
    return WithdrawnText(*(getattr(withdrawn, name) for name in names))


class AmountDue(msgspec.Struct, frozen=True):
    """The paid and the outstanding part of a fine, in fen, as of ``as_of``.

    ``pay_by`` is the last day of payment by law, ``provisional`` while the working calendar of its
    year is not published; ``deferred_until`` is the last day that the unit allowed. The late fee
    (加处罚款) grows daily by ``late_fee_daily`` of the outstanding amount, up to the amount of the
    fine.
    """

    decision: str
    as_of: date
    fine_fen: int
    paid_fen: int
    outstanding_fen: int
    pay_by: date | None
    provisional: bool
    deferred_until: date | None
    late_fee_daily: str | None
    late_fee_fen: int
    late_fee_paid_fen: int
    enforced_on: date | None


_DECISIONS = Decisions()


async def payment(request: web.Request) -> web.Response:
    """The amount of a fine to be paid today, with the late fee until today."""
    reader = await reader_of(request)
    row = await one_row(request, "decisions", DECISIONS, request.match_info["decision"])
    if row.unit is None or not _is_concerned(reader, row.unit, row.entity):
        raise not_found()
    decision = _DECISIONS.decode(row.state)
    today = reader.today
    pay_by = decision.pay_by
    follower = await caught_up(request, Deadlines.name)
    about = f"decision:{decision.decision}"
    provisional = pay_by is not None and await read(
        follower, lambda views: is_provisional(views, about, "penalty.pay_cd")
    )
    return json_response(
        AmountDue(
            decision=decision.decision,
            as_of=today,
            fine_fen=decision.fine_fen,
            paid_fen=decision.fine_fen - decision.outstanding(today),
            outstanding_fen=decision.outstanding(today),
            pay_by=pay_by,
            provisional=provisional,
            deferred_until=max((d.until for d in decision.deferrals), default=None),
            late_fee_daily=None if decision.served is None else decision.served.late_fee_daily,
            late_fee_fen=0 if pay_by is None else decision.late_fee(pay_by, today),
            late_fee_paid_fen=decision.late_fee_paid_fen,
            enforced_on=min((e.applied_on for e in decision.enforced), default=None),
        ),
        headers=placed(request),
    )


_UNIT = Parameter("unit", str, "the unit to which it belongs")
_ENTITY = Parameter("entity", str, "the business it is against")

RESOURCES = (
    *Listing(
        "/v1/cases",
        Cases,
        "Penalty cases: a unit and a business see their own, supervisors all.",
        "One case: the steps taken so far.",
        seen=concerned,
        show=_case,
        returns=shown_type(Case, _PLACES),
        dates=("filed_on",),
        newest="filed_on",
        filters=(
            _UNIT,
            _ENTITY,
            Parameter("stage", str, "the current stage"),
            Parameter("procedure", str, "`ordinary` or `summary`", values=Procedure),
            Parameter("violation_code", str, "the type of violation"),
        ),
    ).resources(),
    *Listing(
        "/v1/decisions",
        Decisions,
        "Penalty decisions: the published ones for everyone, the others for those concerned.",
        "One decision; the public reads it as published, or why it was withdrawn.",
        seen=_readable,
        show=_decision,
        returns=shown_type(
            Decision,
            _PLACES,
            outstanding_fen=int,
            # What was published, or why it was withdrawn:
            entity=str,
            unit=str,
            published_on=date,
            version=int,
            earlier=list[WithdrawnText],
            summary=str,
            redactions=tuple[str, ...],
            url=str,
            doc_no=str,
            withdrawn_on=date,
            reason=WithdrawalReason,
            explanation=str,
            explanation_url=str,
        ),
        dates=("published_on",),
        newest="published_on",
        filters=(_UNIT, _ENTITY, Parameter("case", str, "the case of the decision")),
        kept=_kept,
        column=_column,
        policy="publicity.decision_follows_record",
        looks_in=(Records.name,),
    ).resources(),
    Resource(
        "/v1/decisions/{decision}/payment",
        payment,
        returns=AmountDue,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    *Listing(
        "/v1/benchmarks",
        BenchmarksOfUnits,
        "Discretion benchmarks (裁量基准), by unit.",
        "Every version of a unit's benchmark.",
        seen=everybody,
        only=("unit", "versions"),
    ).resources(),
)
