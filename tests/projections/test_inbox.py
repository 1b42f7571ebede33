"""What waits for whom: every row of the table opens, and ends, by the events that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import Event, codec
from ledger.kernel.deadlines import deadline_rules
from ledger.registry import COMMANDS
from ledger.systems.joint.events import Participant
from projections.follower import Follower, Views
from projections.inbox.items import WAITS
from projections.inbox.starting import EITHER, OPENS
from projections.inbox.view import INBOX, Inbox
from projections.inbox.waiting import Waiting, entry_of
from projections.tables import open_engine
from tests.api.oracle import Placed, placed
from tests.golden import records
from tests.projections.facts import E1, Past, task

_PARTS = (Participant(unit="MRB"), Participant(unit="EEB"))

#: What the golden bytes of an event say otherwise than its row asks for.
FITTED: dict[str, dict[str, Any]] = {
    "filing.filing-to-approve SpecialInspectionFiled": {"task": None},
    "channels.channel-to-test ChannelTested": {"answered": True},
    "filing.emergency-to-file OnSiteInspectionOpened": {"emergency": True},
    "filing.emergency-to-approve OnSiteInspectionOpened": {"emergency": True},
    "filing.task-to-enter OnSiteInspectionOpened": {"emergency": True},
    "joint.part-to-offer JointPlanned": {"participants": _PARTS},
    "penalties.statement-to-hear RightsWaived": {"rights": ("statement",)},
    "penalties.hearing-to-request PriorNoticeServed": {"hearing_right": True},
    "penalties.fine-to-pay PenaltyServed": {"fine_fen": 1_000},
    "penalties.fine-to-pay ReconDecisionServed": {"fine_fen": 1_000},
    "penalties.evidence-to-dispose EvidenceDisposed": {"disposal": "seized"},
    "publicity.act-to-publish ActDecided": {"withheld_because": None},
    "credit.record-to-publish CreditRecordEntered": {"public": True},
    "commitments.obligation-to-verify CommitmentFulfilled": {"obligation": "B"},
    "commitments.obligation-to-verify CommitmentBreached": {"obligation": "B"},
    "dishonesty.listing-to-make DishonestyDetermined": {"severity": "serious"},
    "approvals.request-to-answer ApprovalRequested": {"command": "grading.override-grade"},
    "supervision.finding-to-answer SupervisionDocAnswered": {"findings": ("FIL-V1.F1",)},
    "casefiles.issue-to-rectify CaseFileScored": {"outcome": "fail"},
}


class Desk:
    """A past, and the inbox that follows it."""

    def __init__(self, *waits: Waiting) -> None:
        self.past = Past(InMemoryDCBRecorder())
        self.views = Views(open_engine("sqlite://"), [Inbox(waits or None)])
        self.follower = Follower(self.past.recorder, self.views)

    def close(self) -> None:
        self.follower.close()
        self.views.close()

    def trays(self) -> list[str]:
        """The trays in which something waits."""
        self.follower.catch_up()
        with self.views.reading() as connection:
            return sorted(connection.execute(sa.select(INBOX.c.tray)).scalars())

    def rows(self) -> list[Any]:
        self.follower.catch_up()
        with self.views.reading() as connection:
            return list(connection.execute(sa.select(INBOX).order_by(INBOX.c.key)))


@pytest.fixture
def desk() -> Iterator[Desk]:
    opened = Desk()
    yield opened
    opened.close()


def specimens(cls: type[Event]) -> list[Event]:
    """The golden events of a type, all about the same subjects."""
    ids = Placed(1, subject_unit="TAX", to="EEB")
    return [placed(codec.decode(1, data).event, ids) for data in records(cls.TOPIC, cls.VERSION)]


def opening(waiting: Waiting, cls: type[Event]) -> Event:
    """A golden event that opens an item of a row, put right where its bytes do not fit."""
    for event in fitting(waiting, cls):
        if waiting.when(event) and waiting.abouts(event):
            return event
    raise AssertionError(f"no golden {cls.__name__} opens {waiting.name}")


def fitting(waiting: Waiting, cls: type[Event]) -> list[Event]:
    """The golden events of a type as a row asks for them."""
    fitted = FITTED.get(f"{waiting.name} {cls.__name__}", {})
    return [msgspec.structs.replace(event, **fitted) for event in specimens(cls)]


@pytest.mark.parametrize("name", WAITS)
def test_each_row_opens_and_ends(name: str) -> None:
    """Every opening event puts an item into a tray, and every closing event ends it there."""
    waiting = WAITS[name]
    view_alone = msgspec.structs.replace(waiting, after=())
    for opener in waiting.opened_by:
        for closer in waiting.closed_by:
            desk = Desk(view_alone)
            try:
                event = opening(view_alone, opener)
                desk.past.add(event)
                assert desk.trays(), f"{opener.__name__} opens nothing in anybody's tray"
                ends = [e for e in fitting(waiting, closer) if waiting.ends(e)]
                assert ends, f"no golden {closer.__name__} ends it"
                seen = [e for e in ends if set(waiting.abouts(event)[0]) <= set(e.tags())]
                assert seen, f"{closer.__name__} does not name {waiting.abouts(event)}"
                desk.past.add(seen[0])
                again = closer in waiting.opened_by and waiting.when(seen[0])
                assert bool(desk.trays()) is again, f"{closer.__name__} leaves it"
            finally:
                desk.close()


def test_every_command_is_classified() -> None:
    """Each command that a person sends starts something, or answers an item, or does either."""
    sent = {f"{entry.system}/{entry.name}" for entry in COMMANDS if entry.roles - {"ledger_clock"}}
    answering = {name for row in WAITS.values() for name in row.commands}
    assert OPENS | answering == sent
    assert not OPENS & answering
    assert answering >= EITHER


@pytest.mark.parametrize("name", WAITS)
def test_each_row_names_what_there_is(name: str) -> None:
    """Commands, roles, deadlines and subjects of a row exist, and a command takes its subject."""
    row = WAITS[name]
    assert set(row.due) <= deadline_rules().keys()
    chinese, _, english = row.says.partition(": ")
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert english, "each row says it in both languages"
    assert english.isascii()
    assert row.law
    for rule in row.due:
        told = {cls.TOPIC for cls in (*row.opened_by, *row.closed_by)}
        about = deadline_rules()[rule]
        assert told & {about.opened_by.TOPIC, *(e.TOPIC for e in about.discharged_by)}, rule
    for command in row.commands:
        fields = set(entry_of(command).command.__struct_fields__)
        known = {k for cls in row.opened_by for e in specimens(cls) for k in row.known(e)}
        assert fields & known, f"nothing of {command} is filled in"


def test_every_deadline_that_somebody_can_miss_gives_a_day() -> None:
    """What has to be done by a day is in an inbox with that day."""
    given = {rule for row in WAITS.values() for rule in row.due}
    assert {name for name, rule in deadline_rules().items() if not rule.lapses} <= given


def test_officers_named_are_responsible(desk: Desk) -> None:
    """A task waits for the officers that it names and the heads, for no other officer."""
    desk.past.add(task("T-1"))
    assert set(desk.trays()) == {
        "enforcement_officer@MRB/off-001",
        "enforcement_officer@MRB/off-002",
        "office_head@MRB",
        "unit_head@MRB",
    }


def test_what_is_sealed_waits_for_those_who_see_it(desk: Desk) -> None:
    """Nothing of a sealed task is in a tray of the business or of another unit."""
    desk.past.add(task("T-1"))
    assert not any("entity_rep" in tray or "EEB" in tray for tray in desk.trays())


def test_a_correction_lets_items_follow_anew(desk: Desk) -> None:
    """A field that was recorded wrongly gives other items from the start."""
    at = desk.past.add(task("T-1", planned_on=date(2026, 3, 18)))
    before = [row.key for row in desk.rows()]
    desk.past.correct(at, "/body/planned_on", "2026-03-18", "2026-03-19", "2026-03-04")
    assert [row.key for row in desk.rows()] == before
    desk.past.add(task("T-2", entity=E1))
    assert len(desk.rows()) == 2 * len(before)


def test_an_import_waits_for_nobody(desk: Desk) -> None:
    """What an import tells of the past asks nobody to answer."""
    desk.past.add(task("T-1"), known="2026-03-03")
    assert desk.trays() == []


def test_rebuilt_alike(desk: Desk) -> None:
    """Followed step by step or all at once, the rows are the same."""
    for waiting in WAITS.values():
        for cls in (*waiting.opened_by, *waiting.closed_by):
            desk.past.add(specimens(cls)[0])
            if len(desk.past.events) % 7 == 0:
                desk.follower.catch_up()
    followed = desk.rows()
    other = Views(open_engine("sqlite://"), [Inbox()])
    with Follower(desk.past.recorder, other) as follower:
        follower.catch_up()
        with other.reading() as connection:
            assert list(connection.execute(sa.select(INBOX).order_by(INBOX.c.key))) == followed
    other.close()
    assert followed
