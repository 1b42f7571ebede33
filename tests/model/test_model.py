"""Random commands against the ledger and against the plain rules: no difference, ever."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.general.findings import FindingRaised
from ledger.kernel import Actor, Ledger, LegalRef, NotRecorded, Refusal
from ledger.kernel.events import CIVIL_ZONE
from ledger.opening import LEDGER_CLOCK, open_ledger
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.catalogue import commands as catalogue
from ledger.systems.catalogue.events import Basis, MatterElements
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity
from ledger.systems.filing import commands as filing
from ledger.systems.filing.events import NonOnsiteConsidered, PlanDiff, PlanItem
from ledger.systems.grading.commands import AssignGrade
from ledger.systems.grading.events import Factor
from ledger.systems.policies.commands import SeedLedger
from tests.examples import examples
from tests.model.plain import GRADES, OFFICERS, RECORDED, PlainRules

UNITS = ("MRB", "EMB")
MATTERS = ("M1", "M2", "M3")
ENTITIES = tuple(GRADES)
STRANGER = "bench:3"  # registered nowhere
JB = Actor(unit_id="JB", person_id="JB-1", role="jb_supervisor")

#: What each unit mostly works with; the rest of the time anything goes.
USUAL = {"MRB": ("M1", ("O1", "O2"), "P1"), "EMB": ("M2", ("O4", "O5"), "P2")}

unit = st.sampled_from(("MRB", "MRB", "MRB", "EMB"))
#: Mostly one's own unit; now and then somebody else's.
actor = st.sampled_from(("own",) * 9 + ("other",))
plan = st.sampled_from(("P1", "P1", "P2", "P3"))
months = st.sets(st.integers(1, 12), min_size=1)
items = st.dictionaries(st.sampled_from(MATTERS), months, min_size=1, max_size=3)
#: Filings of MRB that stand at the start; a case uses each of them once.
FILED = tuple(f"F{n}" for n in range(4, 10))
number = st.sampled_from((*FILED, *FILED, *FILED, "F1", "F2", "F3", None))
#: Mostly a day to come.
ahead = st.sampled_from((-1, 0, 1, 5, 10, 20, 30, 40, 50, 60, 70))
task = st.sampled_from(tuple(f"T{n}" for n in range(14)))


@st.composite
def task_approval(draw: st.DrawFn) -> tuple[Any, ...]:
    """An approval that mostly stands a chance."""
    of = draw(unit)
    matter, officers, _ = USUAL[of]
    if draw(st.sampled_from((False, False, True))):
        matter = draw(st.sampled_from((*MATTERS, "M3", "M3")))
    if draw(st.sampled_from((False, False, False, False, True))):
        officers = tuple(
            draw(st.lists(st.sampled_from(tuple(OFFICERS)), min_size=1, max_size=2, unique=True))
        )
    role = draw(st.sampled_from(("unit_head",) * 7 + ("office_head",)))
    return (
        "approve_task",
        draw(actor),
        role,
        of,
        draw(task),
        draw(st.sampled_from((ENTITIES[0],) * 4 + ENTITIES * 3 + (STRANGER,))),
        draw(st.booleans()),
        matter,
        list(officers),
        draw(ahead),
        draw(number),
        draw(st.sampled_from((True, True, False))),
    )


approval = task_approval()
cancellation = st.tuples(st.just("cancel_task"), unit, task)
changes = st.one_of(
    st.tuples(
        st.just("list_matter"),
        actor,
        unit,
        st.sampled_from(("M3", "M4", "M5", "M6")),
        st.sampled_from(("law", "law", "law", "normative_document")),
        st.sampled_from(("food_drug", "food_drug", "general")),
    ),
    st.tuples(st.just("publish_matter"), actor, unit, st.sampled_from(MATTERS)),
    st.tuples(
        st.just("withdraw_matter"), actor, unit, st.sampled_from(("M1", "M2", "M3", "M3", "M3"))
    ),
    st.tuples(st.just("approve_plan"), actor, unit, plan, items),
    st.tuples(st.just("amend_plan"), actor, unit, plan, items),
    st.tuples(st.just("file_plan"), actor, unit, plan),
    st.tuples(st.just("answer_filing"), plan, st.booleans()),
    st.tuples(
        st.just("file_special"),
        actor,
        unit,
        st.sampled_from(("F2", "F3")),
        st.sampled_from((None, *ENTITIES)),
        st.sets(st.sampled_from(MATTERS), min_size=1),
    ),
)
step = st.one_of(approval, approval, approval, approval, cancellation, changes)
#: Answers that the random commands have to reach, or the comparison would say little.
REACHED = {
    RECORDED,
    "UnknownReference",
    "OutOfStep",
    "Forbidden",
    "Malformed",
    "CAT-R1",
    "CAT-R2",
    "CAT-R3",
    "FIL-R1",
    "FIL-R2",
    "FIL-R4",
    "FIL-R6",
    "FIL-R11",
    "FIL-R12",
    "SUP-R1",
    "SUP-V1",
}
#: Each step some days after the one before.
steps = st.lists(st.tuples(st.integers(0, 7), step), min_size=30, max_size=40)


class Bench:
    """The ledger and the plain rules side by side."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.plain = PlainRules()
        self.now = datetime(2026, 1, 2, 9, tzinfo=CIVIL_ZONE)
        self.answers: set[str] = set()

    def prepare(self) -> None:
        """Qualified units, certified officers, registered and graded businesses."""
        for name in UNITS:
            self._do(
                catalogue.QualifyUnit(
                    unit=name, name=name, kind="organ", valid_from=date(2020, 1, 1)
                ),
                JB,
            )
        for officer, (of, until, domains) in OFFICERS.items():
            self._do(
                catalogue.CertifyOfficer(
                    officer=officer,
                    unit=of,
                    cert_no=officer,
                    valid_from=date(2020, 1, 1),
                    valid_to=until,
                    domains=tuple(domains),
                ),
                JB,
            )
        for entity, grade in GRADES.items():
            self._do(
                RegisterEntity(entity=entity, identity=Identity(name=entity)),
                Actor(unit_id="EDB", person_id="E", role="credit_officer"),
            )
            self._do(
                AssignGrade(
                    entity=entity,
                    scheme="s",
                    grade=grade,
                    source="samr",
                    assessed_on=self.now.date(),
                    factors=(Factor(kind="external_assessment"),),
                ),
                Actor(unit_id="EDB", person_id="E", role="credit_officer"),
            )
        self.compare(0, "list_matter", "own", "MRB", "M3", "law", "general")
        self.compare(0, "publish_matter", "own", "MRB", "M3")
        for of, (matter, _, plan) in USUAL.items():
            self.compare(0, "list_matter", "own", of, matter, "law", "food_drug")
            self.compare(0, "publish_matter", "own", of, matter)
            self.compare(
                0,
                "approve_plan",
                "own",
                of,
                plan,
                {m: {1, 2, 3, 4, 5, 6, 7} for m in dict.fromkeys((matter, "M3"))},
            )
            self.compare(0, "file_plan", "own", of, plan)
        for filed in ("F1", *FILED):
            self.compare(0, "file_special", "own", "MRB", filed, None, {"M1", "M3"})
        # Visits to the first business, up to its cap, and cases, as many as are reasonable.
        for task, filed in (("T0", FILED[0]), ("T1", FILED[1]), ("T2", None)):
            visit = (ENTITIES[0], filed is None, "M1", ["O1", "O2"], 10, filed, True)
            self.compare(0, "approve_task", "own", "unit_head", "MRB", task, *visit)
        # A general matter that nobody has drawn (FIL-R11).
        general = (ENTITIES[1], True, "M3", ["O1", "O2"], 10, None, True)
        self.compare(0, "approve_task", "own", "unit_head", "MRB", "T3", *general)

    def compare(self, days: int, what: str, *arguments: Any) -> None:
        """Do one step in both and hold the answers against each other."""
        self.now += timedelta(days=days, minutes=1)
        ours, theirs = getattr(self, what)(*arguments)
        self.answers.add(ours)
        assert ours == theirs, f"{what}{arguments}: the ledger says {ours}, the rules {theirs}"

    def _do(self, command: Any, who: Actor) -> str:
        try:
            outcome = self.ledger.execute(command, who)
        except Refusal as refusal:
            return refusal.rule.id
        except NotRecorded as answer:
            return type(answer).__name__
        found = [r.event.rule_id for r in outcome.events if isinstance(r.event, FindingRaised)]
        assert outcome.events
        return found[0] if found else RECORDED

    @staticmethod
    def _who(actor: str, of: str, role: str = "unit_head") -> Actor:
        own = of if actor == "own" else UNITS[1 - UNITS.index(of)]
        return Actor(unit_id=own, person_id=f"{role}-{own}", role=role)

    def list_matter(
        self, actor: str, of: str, matter: str, level: Any, domain: Any
    ) -> tuple[str, str]:
        who = self._who(actor, of)
        elements = MatterElements(
            name=matter,
            act_kind="inspection",
            office_id="o",
            domain=domain,
            bases=(Basis(level=level, instrument="法", article="1"),),
        )
        command = catalogue.ListMatter(matter=matter, unit=of, elements=elements)
        return self._do(command, who), self.plain.list_matter(
            who.unit_id, of, matter, level, domain, self.now.date()
        )

    def publish_matter(self, actor: str, of: str, matter: str) -> tuple[str, str]:
        who = self._who(actor, of)
        command = catalogue.PublishMatter(matter=matter, unit=of, url="u")
        return self._do(command, who), self.plain.publish_matter(who.unit_id, of, matter)

    def withdraw_matter(self, actor: str, of: str, matter: str) -> tuple[str, str]:
        who = self._who(actor, of)
        command = catalogue.WithdrawMatter(matter=matter, unit=of, reason="r")
        return self._do(command, who), self.plain.withdraw_matter(who.unit_id, of, matter)

    @staticmethod
    def _items(months: dict[str, set[int]]) -> tuple[PlanItem, ...]:
        return tuple(
            PlanItem(
                matter=m,
                mode="key",
                target_class="all",
                planned_visits=1,
                months=tuple(sorted(of)),
            )
            for m, of in months.items()
        )

    def approve_plan(
        self, actor: str, of: str, plan: str, months: dict[str, set[int]]
    ) -> tuple[str, str]:
        who = self._who(actor, of)
        command = filing.ApproveAnnualPlan(plan=plan, unit=of, year=2026, items=self._items(months))
        return self._do(command, who), self.plain.approve_plan(who.unit_id, of, plan, months)

    def amend_plan(
        self, actor: str, of: str, plan: str, months: dict[str, set[int]]
    ) -> tuple[str, str]:
        who = self._who(actor, of)
        command = filing.AmendPlan(
            plan=plan, unit=of, diff=PlanDiff(set_items=self._items(months)), reason="r"
        )
        return self._do(command, who), self.plain.amend_plan(who.unit_id, of, plan, months)

    def file_plan(self, actor: str, of: str, plan: str) -> tuple[str, str]:
        who = self._who(actor, of)
        command = filing.FileAnnualPlan(plan=plan, unit=of)
        return self._do(command, who), self.plain.file_plan(who.unit_id, of, plan)

    def answer_filing(self, plan: str, accept: bool) -> tuple[str, str]:
        command: Any = filing.ReturnFiling(plan=plan, reasons="r")
        if accept:
            command = filing.AcceptFiling(plan=plan)
        return self._do(command, JB), self.plain.answer_filing(plan, accept)

    def file_special(
        self, actor: str, of: str, number: str, entity: str | None, matters: set[str]
    ) -> tuple[str, str]:
        who = self._who(actor, of)
        command = filing.FileSpecialInspection(
            filing=number,
            unit=of,
            ground="complaint",
            matters=tuple(sorted(matters)),
            entity=entity,
        )
        return self._do(command, who), self.plain.file_special(
            who.unit_id, of, number, entity, matters
        )

    def approve_task(
        self,
        actor: str,
        role: str,
        of: str,
        task: str,
        entity: str,
        daily: bool,
        matter: str,
        officers: list[str],
        ahead: int,
        number: str | None,
        prescribed: bool,
    ) -> tuple[str, str]:
        # Some days ahead: within 2026, since the plain rules know no other year.
        planned_on = self.now.date() + timedelta(days=ahead)
        who = self._who(actor, of, role)
        command = filing.ApproveTask(
            task=task,
            unit=of,
            entity=entity,
            kind="daily" if daily else "case",
            trigger="plan" if daily else "complaint",
            matters=(matter,),
            officers=tuple(officers),
            planned_on=planned_on,
            filing=number,
            non_onsite_considered=NonOnsiteConsidered(
                written=True, shared_data=True, remote=True, conclusion="insufficient"
            ),
            prescribed_by=LegalRef(instrument="监督检查管理办法") if prescribed else None,
        )
        return self._do(command, who), self.plain.approve_task(
            who.unit_id,
            role,
            of,
            task,
            entity,
            daily,
            matter,
            tuple(officers),
            self.now.date(),
            planned_on,
            number,
            prescribed,
        )

    def cancel_task(self, of: str, task: str) -> tuple[str, str]:
        who = self._who("own", of)
        command = filing.CancelInspection(task=task, reason="r")
        return self._do(command, who), self.plain.cancel_task(of, task)


def test_the_ledger_and_the_plain_rules_agree() -> None:
    """Whatever is sent in whatever order, the ledger answers as the rules over plain state do."""
    reached: set[str] = set()

    @examples(100, suppress_health_check=[HealthCheck.too_slow])
    @given(steps=steps)
    def agree(steps: list[tuple[int, tuple[Any, ...]]]) -> None:
        bench: Bench | None = None
        with Ledger(InMemoryDCBRecorder(), clock=lambda: bench.now if bench else START) as ledger:
            ledger.execute(SeedLedger(), LEDGER_CLOCK)
            bench = Bench(ledger)
            bench.prepare()
            for days, (what, *arguments) in steps:
                bench.compare(days, what, *arguments)
            reached.update(bench.answers)

    agree()
    assert reached >= REACHED, f"never reached: {sorted(REACHED - reached)}"


START = datetime(2026, 1, 1, 9, tzinfo=CIVIL_ZONE)


@examples(10, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps, again=st.integers(1, 5))
def test_they_agree_on_a_file_opened_again_and_again(
    steps: list[tuple[int, tuple[Any, ...]]], again: int
) -> None:
    """The same on a SQLite file with two ledgers in turns: neither may trust its memory."""
    with tempfile.TemporaryDirectory() as folder:
        bench: Bench | None = None
        path = Path(folder) / "ledger.db"

        def clock() -> datetime:
            return bench.now if bench else START

        with (
            SQLiteRecorder(path) as one,
            SQLiteRecorder(path) as two,
            open_ledger(one, clock=clock) as first,
            open_ledger(two, clock=clock) as second,
        ):
            bench = Bench(first)
            bench.prepare()
            for number, (days, (what, *arguments)) in enumerate(steps):
                bench.ledger = second if number % (again + 1) == 0 else first
                bench.compare(days, what, *arguments)
