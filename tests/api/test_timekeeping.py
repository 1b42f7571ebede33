"""The clock: a small step is followed, a large jump waits for an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.cli.terminal import OPERATOR
from api.running.timekeeping import AHEAD, BEHIND, Timekeeper, elapsed
from api.service import Service
from ledger.access.events import ClockConfirmed
from ledger.general.findings import FindingRaised
from ledger.kernel import Unavailable, codec
from tests.cast import HEAD
from tests.empty import lay_views
from tests.gwt import Record

START = datetime(2026, 5, 11, 2, tzinfo=UTC)
QUALIFY = {"unit": "MRB", "name": "x", "kind": "organ", "valid_from": "2020-01-01"}


class Time:
    """A clock and a pace that a test sets apart."""

    def __init__(self) -> None:
        self.now, self.seconds = START, 0.0

    def goes_by(self, passed: timedelta, shown: timedelta | None = None) -> None:
        """Time goes by, and the clock shows that, or something else."""
        self.seconds += passed.total_seconds()
        self.now += passed if shown is None else shown

    def keeper(self) -> Timekeeper:
        return Timekeeper(lambda: self.now, lambda: self.seconds)


@pytest.mark.parametrize(
    ("passed", "shown", "believed"),
    [
        (timedelta(days=40), timedelta(days=40), True),
        (timedelta(0), -BEHIND, True),
        (timedelta(0), -BEHIND - timedelta(seconds=1), False),
        (timedelta(0), AHEAD, True),
        (timedelta(0), AHEAD + timedelta(seconds=1), False),
        (timedelta(hours=8), timedelta(minutes=1), False),
        (timedelta(seconds=1), timedelta(days=3650), False),
    ],
)
def test_jumps(passed: timedelta, shown: timedelta, believed: bool) -> None:
    """What counts as a jump while the service runs, and that it is over once it is confirmed."""
    time = Time()
    keeper = time.keeper()
    keeper.begin(None)
    time.goes_by(passed, shown)
    assert (keeper.error is None) is believed
    if not believed:
        with pytest.raises(Unavailable, match="must set it right or confirm"):
            keeper()
        keeper.confirm()
    assert keeper() == time.now
    time.goes_by(timedelta(hours=2))
    assert keeper() == time.now


def test_small_steps_do_not_add_up() -> None:
    """A clock that is set right every day, always the same way, is followed for ever."""
    time = Time()
    keeper = time.keeper()
    keeper.begin(None)
    for _ in range(100):
        time.goes_by(timedelta(days=1), timedelta(days=1) + timedelta(minutes=50))
        assert keeper() == time.now


def test_a_clock_that_is_set_right_again() -> None:
    """Nobody has to confirm a jump that was taken back."""
    time = Time()
    keeper = time.keeper()
    keeper.begin(None)
    time.goes_by(timedelta(minutes=1), timedelta(days=1))
    assert keeper.error is not None
    time.goes_by(timedelta(minutes=1), timedelta(days=-1, minutes=2))
    assert keeper.error is None


@pytest.mark.parametrize(
    ("behind", "believed"), [(-9000, True), (0, True), (300, True), (301, False), (10**7, False)]
)
def test_behind_the_newest_record(behind: int, believed: bool) -> None:
    """At the start the newest record is what the clock must not fall behind."""
    time = Time()
    keeper = time.keeper()
    assert keeper() == START, "nothing is doubted before that is known"
    keeper.begin(START + timedelta(seconds=behind))
    assert (keeper.error is None) is believed


def test_the_pace_goes_on() -> None:
    """The default pace is told by the machine."""
    before = elapsed()
    assert elapsed() >= before > 0


class Running:
    """A service whose clock a test sets."""

    def __init__(self, path: Path, time: Time) -> None:
        if not path.exists():
            lay_views(path)
        self.service = Service(f"sqlite:///{path}", timekeeper=time.keeper())
        create = self.service.tokens.create
        self.tokens = {
            "op": create("IT", "OP-1", "operator"),
            "JB": create("JB", "JB-1", "jb_supervisor"),
        }
        self.client = TestClient(TestServer(self.service.app()))

    async def ask(self, path: str, who: str = "op", body: Any = None) -> Any:
        answer = await self.client.request(
            "GET" if body is None else "POST",
            path,
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
        )
        return answer.status, await answer.json()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[[Time], Any]]:
    opened: list[Running] = []

    async def start(time: Time) -> Running:
        for one in opened:
            await one.client.close()
            one.service.close()
        opened.append(Running(tmp_path / "ledger.db", time))
        await opened[-1].client.start_server()
        return opened[-1]

    yield start
    for one in opened:
        await one.client.close()
        one.service.close()


async def test_commands_wait_for_an_operator(start: Callable[[Time], Any]) -> None:
    """Restarted with its clock a year back the service is unready and takes no command.

    It says so without a time; an operator's word is recorded, and what is recorded then is not
    earlier than what was. A bureau's supervisor has no such word.
    """
    time = Time()
    running = await start(time)
    path = "/v1/catalogue/qualify-unit"
    assert (await running.ask(path, "JB", QUALIFY))[0] == 201
    newest = running.service.recorder.head()
    time.now -= timedelta(days=365)
    running = await start(time)
    status, problem = await running.ask(path, "JB", {**QUALIFY, "unit": "EMB"})
    assert (status, problem["type"]) == (503, "/problems/unavailable")
    assert "202" not in problem["detail"]
    status, report = await running.ask("/readyz")
    assert (status, report["parts"]["time"]["ready"]) == (503, False)
    assert "2026-05-11" in report["parts"]["time"]["detail"]
    assert (await running.ask("/v1/operations/confirm-clock", "JB", {}))[0] == 403
    assert running.service.recorder.head() == newest
    status, shown = await running.ask("/v1/operations/confirm-clock", "op", {})
    assert (status, shown["clock"][:4]) == (200, "2025")
    assert (await running.ask("/readyz"))[0] == 200
    assert (await running.ask(path, "JB", {**QUALIFY, "unit": "EMB"}))[0] == 201
    records = [codec.decode(s.position, s.event.data) for s in running.service.recorder.read()]
    times = [record.envelope.recorded_at for record in records]
    assert times == sorted(times)
    (confirmed,) = [
        codec.decode(s.position, s.event.data)
        for s in running.service.access.recorder.read()
        if s.event.type == ClockConfirmed.TOPIC
    ]
    assert confirmed.envelope.actor.person_id == "OP-1"
    assert confirmed.event.last_recorded_at >= START


async def test_confirmed_on_the_command_line(start: Callable[[Time], Any]) -> None:
    """Whoever starts the service may answer for its clock; it is recorded as well."""
    time = Time()
    await start(time)
    time.now -= timedelta(days=365)
    running = await start(time)
    assert running.service.timekeeper.error is not None
    running.service.confirm_clock(OPERATOR)
    assert running.service.timekeeper.error is None
    running.service.confirm_clock(OPERATOR)
    types = [s.event.type for s in running.service.access.recorder.read()]
    assert types.count(ClockConfirmed.TOPIC) == 1


def test_what_falls_due_is_looked_for_once_the_clock_is_confirmed(tmp_path: Path) -> None:
    """The service is not unready for the rest of the minute until the next look."""
    time = Time()
    path = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Service(path, timekeeper=time.keeper()) as service:
        service.ledger.execute(Record(facts=(finding(1),)), HEAD)
    time.now -= timedelta(days=365)
    with Service(path, timekeeper=time.keeper(), ticking=True) as service:
        assert within_seconds(lambda: not service._clock_check().ready)
        service.confirm_clock(OPERATOR)
        assert within_seconds(lambda: service._clock_check().ready)


def within_seconds(holds: Callable[[], bool]) -> bool:
    return any(holds() or sleep(0.05) for _ in range(400))


def test_a_log_far_behind_is_unready(tmp_path: Path) -> None:
    """What was recorded and is not signed yet may be so many events and no more."""
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}", max_lag=2) as service:
        signed = service.keeper.wait_for(service.recorder.head(), 10)
        assert signed is not None
        assert signed.size == service.recorder.head()
        service.keeper.close()
        for n in range(1, 4):
            service.ledger.execute(Record(facts=(finding(n),)), HEAD)
            check = service._log_check()
            assert (check.lag, check.ready) == (n, n <= 2)


def finding(n: int) -> FindingRaised:
    return FindingRaised(
        finding_id=f"F-{n}", type="unfiled", rule_id="FIL-V1", auto=True, unit="MRB"
    )
