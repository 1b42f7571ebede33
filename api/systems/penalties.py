"""Penalty cases, decisions with what is to be paid, and discretion benchmarks."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import asked, audience_of, caught_up, may_ask, one_row, placed
from api.http.keys import LEDGER
from api.http.listing import Listing, Where, concerned, everybody, shown
from api.http.problems import not_found
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from ledger.general.audiences import UNIT_BOUND
from ledger.kernel import civil_date
from ledger.systems.penalties.events import DecisionWithdrawn
from ledger.systems.penalties.folds import Benchmarks, Case, Decision
from projections.systems.deadlines import Deadlines, is_provisional
from projections.systems.penalties import (
    DECISIONS,
    BenchmarksOfUnits,
    Cases,
    Decisions,
    still_public,
)
from projections.systems.records import Records

#: Where something stands in the ledger says nothing about it.
_PLACES = {"filed_at", "noticed_at", "decided_at", "served_at"}


def _case(case: Case, grant: Grant) -> dict[str, Any]:
    said = {name: value for name, value in shown(case, grant).items() if name not in _PLACES}
    assert case.filed is not None
    if grant.role != "jb_supervisor" and grant.unit != case.filed.unit:
        said.pop("discussions", None)  # internal to the unit
    if grant.role == "entity_rep":
        said.pop("evidence", None)  # some of it would betray who gave it
    return said


def _readable(grant: Grant, table: sa.Table, follows_record: bool | None, today: date) -> Where:
    """Decisions that are public today, and those that concern who asks."""
    published = still_public(today) if follows_record else table.c.published_on.is_not(None)
    if audience_of(grant, "") == "public" and grant.role != "entity_rep":
        return [published]
    return [sa.or_(published, may_ask(grant, unit=table.c.unit, entity=table.c.entity))]


def _decision(decision: Decision, grant: Grant) -> dict[str, Any]:
    decided = decision.decided
    if decided is None or not _is_concerned(grant, decided.unit, decided.entity):
        return _published(decision)
    said = {name: value for name, value in shown(decision, grant).items() if name not in _PLACES}
    if decision.served is not None and decision.fine_fen:
        said["outstanding_fen"] = decision.outstanding(date.max)
    return said


def _is_concerned(grant: Grant, unit: str, entity: str) -> bool:
    if grant.role in UNIT_BOUND:
        return grant.unit == unit
    return audience_of(grant, entity) != "public"


def _published(decision: Decision) -> dict[str, Any]:
    """What everybody may read: the decision as published, or why it was withdrawn."""
    published, withdrawn = decision.published, decision.withdrawn
    assert published is not None
    said: dict[str, Any] = {
        "decision": decision.decision,
        "entity": published.entity,
        "unit": published.unit,
        "published_on": published.published_on,
    }
    earlier = [_withdrawn(one) for one in decision.withdrawals if one != withdrawn]
    if published.version > 1:
        said["version"] = published.version
    if earlier:
        said["earlier"] = earlier
    if withdrawn is None:
        said |= {"summary": published.summary, "redactions": published.redactions}
        return said | ({} if published.url is None else {"url": published.url})
    if decision.decided is not None:
        said["doc_no"] = decision.decided.doc_no
    last = _withdrawn(withdrawn)
    del last["version"]
    return said | last


def _withdrawn(withdrawn: DecisionWithdrawn) -> dict[str, Any]:
    """What is left of a text that was withdrawn: since when, and why."""
    said: dict[str, Any] = {
        "version": withdrawn.version,
        "withdrawn_on": withdrawn.withdrawn_on,
        "reason": withdrawn.reason,
        "explanation": withdrawn.explanation,
    }
    url = withdrawn.explanation_url
    return said | ({} if url is None else {"explanation_url": url})


class Payment(msgspec.Struct, frozen=True):
    """What of a fine is paid and what is still to be paid, in fen, as of ``as_of``.

    ``pay_by`` is the last day of payment by the law, ``provisional`` while the working calendar of
    its year is not published; ``deferred_until`` is the one that the unit allowed. The late fee
    (加处罚款) grows by ``late_fee_daily`` of what is outstanding each day, and never exceeds the
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
    """What is to be paid of a fine today, with the late fee as it has grown until today."""
    grant = await grant_of(request)
    row = await one_row(request, "decisions", DECISIONS, request.match_info["decision"])
    if row is None or row.unit is None or not _is_concerned(grant, row.unit, row.entity):
        raise not_found()
    decision = _DECISIONS.decode(row.state)
    today = civil_date(request.app[LEDGER].clock())
    pay_by = decision.pay_by
    follower = await caught_up(request, Deadlines.name)

    def ask() -> bool:
        with follower.views.reading() as connection:
            return is_provisional(connection, f"decision:{decision.decision}", "penalty.pay_cd")

    return json_response(
        Payment(
            decision=decision.decision,
            as_of=today,
            fine_fen=decision.fine_fen,
            paid_fen=decision.fine_fen - decision.outstanding(today),
            outstanding_fen=decision.outstanding(today),
            pay_by=pay_by,
            provisional=pay_by is not None and await asked(ask),
            deferred_until=max((d.until for d in decision.deferrals), default=None),
            late_fee_daily=None if decision.served is None else decision.served.late_fee_daily,
            late_fee_fen=0 if pay_by is None else decision.late_fee(pay_by, today),
            late_fee_paid_fen=decision.late_fee_paid_fen,
            enforced_on=min((e.applied_on for e in decision.enforced), default=None),
        ),
        headers=placed(request),
    )


def _benchmark(benchmarks: Benchmarks, grant: Grant) -> dict[str, Any]:
    return {"unit": benchmarks.unit, "versions": benchmarks.versions}


_UNIT = Parameter("unit", str, "the unit whose it is")
_ENTITY = Parameter("entity", str, "the business it is against")

RESOURCES = (
    *Listing(
        "/v1/cases",
        Cases,
        "Penalty cases: a unit's own, a business's own, all for the supervisors.",
        "One case: what was done in it so far.",
        seen=concerned,
        show=_case,
        filters=(
            _UNIT,
            _ENTITY,
            Parameter("stage", str, "how far it has come"),
            Parameter("procedure", str, "`ordinary` or `summary`"),
            Parameter("violation_code", str, "the type of violation"),
        ),
    ).resources(),
    *Listing(
        "/v1/decisions",
        Decisions,
        "Penalty decisions: the published ones for everybody, the others for who is concerned.",
        "One decision; the public reads it as published, or why it was withdrawn.",
        seen=_readable,
        show=_decision,
        filters=(_UNIT, _ENTITY, Parameter("case", str, "the case it is about")),
        policy="publicity.decision_follows_record",
        looks_in=(Records.name,),
    ).resources(),
    Resource(
        "/v1/decisions/{decision}/payment",
        payment,
        returns=Payment,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    *Listing(
        "/v1/benchmarks",
        BenchmarksOfUnits,
        "Discretion benchmarks (裁量基准), by unit.",
        "Every version of a unit's benchmark.",
        seen=everybody,
        show=_benchmark,
    ).resources(),
)
