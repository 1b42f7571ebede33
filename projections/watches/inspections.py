"""What the clock finds in the catalogue, in draws, inspections and observation periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.kernel.days import add_months
from ledger.systems.catalogue.commands import ReviewIdleMatter
from ledger.systems.complaints.commands import ExamineInspection
from ledger.systems.complaints.rules import CMP_V1
from ledger.systems.draws.commands import ReviewDraw
from ledger.systems.observation.commands import ReviewBreach
from projections.follower import Views
from projections.systems.catalogue import MATTER_USES, MATTERS
from projections.systems.complaints import COMPLAINTS
from projections.systems.draws import DRAWS
from projections.systems.findings import FINDINGS
from projections.systems.observation import ISSUES, BusinessIssues
from projections.systems.policies import value_in_force
from projections.systems.tasks import TASKS


def idle_matters(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each inspection matter that has not been used for years (CAT-V2)."""
    with views.reading() as connection:
        years = value_in_force(connection, "catalogue.idle_years", today)
        if years is None:
            return
        since = sa.func.coalesce(MATTER_USES.c.used_on, MATTERS.c.first_published_on)
        found = MATTER_USES.c.found_idle_on
        rows = connection.execute(
            sa.select(MATTERS.c.key, since.label("since"))
            .outerjoin(MATTER_USES, MATTER_USES.c.key == MATTERS.c.key)
            .where(
                MATTERS.c.act_kind == "inspection",
                sa.not_(MATTERS.c.withdrawn),
                since < add_months(today, -12 * int(years)).isoformat(),
                sa.or_(found.is_(None), found <= since),
            )
            .order_by(MATTERS.c.key)
        )
        for row in rows.all():
            yield ReviewIdleMatter(matter=row.key), f"idle:{row.key}:{row.since}"


def review_draws(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each draw that is over and whose visits were not reviewed yet (DRW-V6)."""
    table = DRAWS.c
    query = sa.select(table.key).where(
        table.stage == "executed",
        table.reviewed.is_(False),
        table.inspect_by < today.isoformat(),
    )
    with views.reading() as connection:
        due = [row.key for row in connection.execute(query.order_by(table.key))]
    for draw in due:
        yield ReviewDraw(draw=draw), f"review-draw:{draw}"


_ISSUES = BusinessIssues()


def breaches_unpursued(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each breach of a bottom line without a case; the ledger counts the days."""
    with views.reading() as connection:
        days = value_in_force(connection, "observation.breach_wd", today)
        if days is None:
            return
        before = today - timedelta(days=int(days))
        states = connection.execute(
            sa.select(ISSUES.c.state)
            .where(ISSUES.c.unanswered_since < before.isoformat())
            .order_by(ISSUES.c.key)
        ).scalars()
        for state in states.all():
            issues = _ISSUES.decode(state)
            for breach in issues.to_review:
                if breach.reported_on < before:
                    yield (
                        ReviewBreach(entity=issues.entity, observation=breach.observation),
                        f"breach:{breach.observation}:{breach.position}",
                    )


def inspections_after_complaints(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield the inspections of businesses that complained about the inspecting unit (CMP-V1)."""
    complaint, task = COMPLAINTS.c, TASKS.c
    visited_on = sa.func.coalesce(task.opened_on, task.planned_on)
    finding_raised = sa.exists().where(FINDINGS.c.rule_id == CMP_V1.id, FINDINGS.c.task == task.key)
    query = (
        sa.select(complaint.key, task.key)
        .where(
            task.entity == complaint.entity,
            task.unit == complaint.subject_unit,
            task.stage != "cancelled",
            sa.func.coalesce(task.approved_on, task.opened_on) >= complaint.received_on,
            visited_on >= complaint.received_on,
            visited_on <= complaint.guarded_until,
            sa.not_(finding_raised),
        )
        .order_by(complaint.received_on, complaint.key, task.key)
    )
    with views.reading() as connection:
        rows = connection.execute(query).all()
    for complaint_id, task_id in rows:
        yield (
            ExamineInspection(complaint=complaint_id, task=task_id),
            f"retaliation:{complaint_id}:{task_id}",
        )
