"""The sequencer: concurrent commands, decided one after another, committed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBReadResponse,
    DCBRecorder,
    DCBSubscription,
)
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.persistence import OperationalError

from ledger.kernel import (
    UNNAMED,
    Actor,
    Command,
    Event,
    Fact,
    FieldChange,
    Inquiry,
    KeyReused,
    Ledger,
    Malformed,
    Outcome,
    OutcomeUnknown,
    OutOfStep,
    RecordCorrected,
    Recorded,
    Unavailable,
    codec,
)
from ledger.kernel import sequencer as kernel_sequencer
from ledger.kernel.contexts import make_context
from ledger.kernel.events import civil_date
from ledger.kernel.store import StillCommitting
from ledger.stores.postgres import PostgresRecorder
from ledger.stores.sqlite import SQLiteRecorder
from tests.kernel.hall import USHER, Heard, Say, Seats, SeatTaken, Stumble, TakeSeat

NOW = datetime(2026, 5, 11, 2, tzinfo=UTC)
SECONDS = 60


class Hold(Command):
    """Keeps the sequencer waiting, so that what is handed in meanwhile becomes one batch."""

    def decide(self, inquiry: Inquiry) -> tuple[Event, ...]:
        _held.set()
        assert _release.wait(SECONDS)
        return ()


_held, _release = threading.Event(), threading.Event()


@contextmanager
def held(ledger: Ledger) -> Iterator[None]:
    """Inside, the sequencer waits; after it, all that was handed in is one batch."""
    _held.clear()
    _release.clear()
    first = hand_in(ledger, Hold())
    assert _held.wait(SECONDS)
    try:
        yield
    finally:
        _release.set()
    first.result(SECONDS)


def hand_in(ledger: Ledger, command: Command, key: str | None = None) -> Future[Outcome]:
    return ledger.submit(command, make_context(command, USHER, ledger.clock(), key=key))


def stored(recorder: DCBRecorder) -> list[Recorded]:
    return [codec.decode(s.position, s.event.data) for s in recorder.read()]


def seats(recorder: DCBRecorder) -> list[int]:
    return [r.event.seat for r in stored(recorder) if isinstance(r.event, SeatTaken)]


class Between(DCBRecorder):
    """A store in which something happens just before, or just after, an append."""

    def __init__(self, recorder: DCBRecorder) -> None:
        self.recorder = recorder
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        self.reading: Callable[[], object] = lambda: None
        self.appends: list[int] = []

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> DCBReadResponse:
        self.reading()
        return self.recorder.read(query, after=after, limit=limit)

    def append(
        self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None
    ) -> int:
        self.before()
        last = self.recorder.append(events, condition)
        self.appends.append(len(events))
        self.after()
        return last

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Any:
        subscription: DCBSubscription[Any] = self.recorder.subscribe(query, after=after)
        return subscription


def once(act: Callable[[], object]) -> Callable[[], object]:
    """``act`` the first time, then nothing."""
    left = [act]
    return lambda: left.pop()() if left else None


@pytest.fixture
def ledger(recorder: DCBRecorder) -> Iterator[Ledger]:
    with Ledger(recorder) as opened:
        yield opened


@pytest.fixture
def between() -> Between:
    return Between(InMemoryDCBRecorder())


# Batches


def test_many_threads_share_commits(recorder: DCBRecorder) -> None:
    """Commands of many threads are all recorded, in far fewer appends, at positions without gap."""
    store = Between(recorder)
    with Ledger(store, clock=lambda: NOW) as ledger, ThreadPoolExecutor(8) as pool:
        with held(ledger):
            futures = [
                pool.submit(ledger.execute, TakeSeat(guest=f"G{n}"), USHER) for n in range(8)
            ]
            while ledger.waiting < 8:
                threading.Event().wait(0.001)
        outcomes = [future.result(SECONDS) for future in futures]
    assert store.appends == [8]
    assert sorted(outcome.position for outcome in outcomes) == list(range(1, 9))
    assert seats(recorder) == list(range(1, 9))
    assert ledger.statistics.largest_batch == 8


def test_a_batch_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a batch holds is committed in several, nothing twice and nothing lost."""
    monkeypatch.setattr(kernel_sequencer, "MAX_BATCH", 3)
    store = Between(InMemoryDCBRecorder())
    with Ledger(store) as ledger:
        with held(ledger):
            futures = [hand_in(ledger, TakeSeat(guest=f"G{n}")) for n in range(7)]
        wait(futures)
    assert store.appends == [3, 3, 1]
    assert seats(store) == list(range(1, 8))


def test_a_command_sees_what_its_batch_decided_before_it(ledger: Ledger) -> None:
    """Within one batch the last seat is taken once, by who came first."""
    with held(ledger):
        futures = [hand_in(ledger, TakeSeat(guest=f"G{n}", capacity=2)) for n in range(4)]
    answers = [future.exception(SECONDS) for future in futures]
    assert [type(answer) for answer in answers] == [type(None), type(None), OutOfStep, OutOfStep]
    assert seats(ledger.recorder) == [1, 2]


def test_a_new_question_sees_the_batch_too(ledger: Ledger) -> None:
    """A fold that is first asked in the middle of a batch knows what was decided before it."""
    with held(ledger):
        hand_in(ledger, TakeSeat(guest="A", hall="NEW"))
        hand_in(ledger, Say(words="hush"))
        last = hand_in(ledger, TakeSeat(guest="B", hall="NEW"))
    (record,) = last.result(SECONDS).events
    assert record.event == SeatTaken(hall="NEW", guest="B", seat=2)


def test_a_refusal_costs_the_others_nothing(ledger: Ledger) -> None:
    """Between refused commands the others are recorded, side by side."""
    with held(ledger):
        futures = [
            hand_in(ledger, TakeSeat(guest="A")),
            hand_in(ledger, TakeSeat(guest="X", capacity=0)),
            hand_in(ledger, Say(words="x" * codec.MAX_RECORD_BYTES)),
            hand_in(ledger, TakeSeat(guest="B")),
        ]
    kinds = [type(future.exception(SECONDS)) for future in futures]
    assert kinds == [type(None), OutOfStep, Malformed, type(None)]
    assert [futures[0].result().position, futures[3].result().position] == [1, 2]
    assert ledger.statistics.refused == 2


def test_a_bug_harms_nobody_else(ledger: Ledger) -> None:
    """A command that raises what it should not gets that back; what it had decided is gone."""
    with held(ledger):
        futures = [
            hand_in(ledger, TakeSeat(guest="A")),
            hand_in(ledger, Stumble()),
            hand_in(ledger, TakeSeat(guest="B")),
        ]
    assert isinstance(futures[1].exception(SECONDS), ZeroDivisionError)
    assert [futures[n].result(SECONDS).position for n in (0, 2)] == [1, 2]
    assert seats(ledger.recorder) == [1, 2]
    assert ledger.execute(TakeSeat(guest="C"), USHER).position == 3


def test_an_event_that_cannot_be_read_back_harms_nobody_else(ledger: Ledger) -> None:
    """A wrongly made event fails its own command and is not stored."""

    class Garble(Command):
        def decide(self, inquiry: Inquiry) -> Iterator[Event]:
            yield SeatTaken(hall="H", guest="G", seat="one")  # type: ignore[arg-type]

    with held(ledger):
        bad, good = hand_in(ledger, Garble()), hand_in(ledger, TakeSeat(guest="A"))
    assert isinstance(bad.exception(SECONDS), codec.UnreadableRecord)
    assert good.result(SECONDS).position == 1
    assert seats(ledger.recorder) == [1]


class SayForUnit(Command):
    """Says something in the unit's name, and under one's own, or not."""

    signed: bool

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        yield Fact(Heard(words="in its name"), unnamed=True)
        if self.signed:
            yield Heard(words="in one's own")


def test_what_is_recorded_in_a_units_name_has_its_person_beside_it(
    ledger: Ledger, recorder: DCBRecorder
) -> None:
    """Neither its bytes nor its tags lead to whoever sent it; a command that hides it is a bug."""
    ledger.execute(SayForUnit(signed=True), USHER)
    ours, own = recorder.read()
    actor = codec.decode(ours.position, ours.event.data).envelope.actor
    assert actor == Actor(unit_id=USHER.unit_id, person_id=UNNAMED, role=USHER.role)
    assert [tag for tag in ours.event.tags if tag.startswith("actor:")] == []
    assert f"actor:{USHER.person_id}" in own.event.tags
    with pytest.raises(TypeError, match="must name its sender"):
        ledger.execute(SayForUnit(signed=False), USHER)
    assert len(stored(recorder)) == 2


def test_a_command_that_records_nothing_answers_the_head(ledger: Ledger) -> None:
    """A wish that is fulfilled already is answered with the place from which it can be seen."""
    ledger.execute(TakeSeat(guest="A"), USHER)
    outcome = ledger.execute(TakeSeat(guest="A"), USHER)
    assert (outcome.position, outcome.events) == (1, ())


def test_a_correction_in_a_batch_is_seen_behind_it(ledger: Ledger) -> None:
    """Folds in memory are asked anew when a correction is decided, before it is stored."""
    taken = ledger.execute(TakeSeat(guest="A"), USHER).events[0]

    class Correct(Command):
        def decide(self, inquiry: Inquiry) -> Iterator[Event]:
            inquiry.read(Seats("H"))
            yield RecordCorrected(
                target_event_id=taken.envelope.event_id,
                target_position=1,
                field_changes=(FieldChange(path="/body/seat", old=1, new=7),),
                reason="mistyped",
                requested_by="A",
                approved_by="B",
                subjects=("hall:H", "guest:A"),
            )

    answers: dict[int, dict[str, int]] = {}

    class Look(Command):
        number: int

        def decide(self, inquiry: Inquiry) -> tuple[Event, ...]:
            # On a distant store a command is tried before it is decided: the last look counts.
            answers[self.number] = dict(inquiry.read(Seats("H")).guests)
            return ()

    with held(ledger):
        commands = (Look(number=1), Correct(), Look(number=2))
        futures = [hand_in(ledger, command) for command in commands]
    wait(futures)
    ledger.execute(Look(number=3), USHER)
    assert answers == {1: {"A": 1}, 2: {"A": 7}, 3: {"A": 7}}


# Other writers


@contextmanager
def two_ledgers(kind: str, where: Any) -> Iterator[tuple[Ledger, Ledger]]:
    with ExitStack() as stack:
        stores: list[DCBRecorder]
        if kind == "sqlite":
            stores = [stack.enter_context(SQLiteRecorder(where)) for _ in range(2)]
        else:
            stores = [stack.enter_context(PostgresRecorder(where)) for _ in range(2)]
        yield tuple(stack.enter_context(Ledger(store)) for store in stores)  # type: ignore[misc]


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """Two ledgers, each with connections of its own, on the same store."""
    where = tmp_path / "ledger.db"
    if request.param == "postgres":
        where = request.getfixturevalue("postgres_database")
    with two_ledgers(request.param, where) as both:
        yield both


def race(commands: Sequence[tuple[Ledger, Command, str | None]]) -> list[Outcome | BaseException]:
    """All at once, from as many threads; the answers in the same order."""
    start = threading.Barrier(len(commands))

    def run(ledger: Ledger, command: Command, key: str | None) -> Outcome:
        start.wait(SECONDS)
        return ledger.execute(command, USHER, key=key)

    with ThreadPoolExecutor(len(commands)) as pool:
        futures = [pool.submit(run, *each) for each in commands]
        return [future.exception(SECONDS) or future.result() for future in futures]


@pytest.mark.parametrize("round_", range(3))
def test_one_of_many_racers_wins(pair: tuple[Ledger, Ledger], round_: int) -> None:
    """Two processes with four commands each for one free seat: exactly one has it."""
    answers = race([(pair[n % 2], TakeSeat(guest=f"G{n}", capacity=1), None) for n in range(8)])
    won = [answer for answer in answers if isinstance(answer, Outcome)]
    assert len(won) == 1
    assert all(isinstance(answer, Outcome | OutOfStep) for answer in answers)
    assert seats(pair[0].recorder) == [1]


def test_racers_for_many_seats_fill_them(pair: tuple[Ledger, Ledger]) -> None:
    """Whatever is tried again, every seat is given once and in order."""
    commands = [(pair[n % 2], TakeSeat(guest=f"G{n}", capacity=10), None) for n in range(16)]
    answers = race(commands)
    assert sum(isinstance(answer, Outcome) for answer in answers) == 10
    assert seats(pair[0].recorder) == list(range(1, 11))


def test_one_ledger_follows_the_other(pair: tuple[Ledger, Ledger]) -> None:
    """What a ledger keeps in memory is brought up to date before it decides."""
    for n in range(6):
        pair[n % 2].execute(TakeSeat(guest=f"G{n}"), USHER)
    assert seats(pair[0].recorder) == [1, 2, 3, 4, 5, 6]


def test_a_key_is_known_to_the_other_ledger(pair: tuple[Ledger, Ledger]) -> None:
    """The same request sent to another node is answered with the first result."""
    first = pair[0].execute(Say(words="once"), USHER, key="K")
    again = pair[1].execute(Say(words="once"), USHER, key="K")
    assert (again.position, again.repeated) == (first.position, True)
    assert again.events == first.events


def test_one_key_races_across_ledgers(pair: tuple[Ledger, Ledger]) -> None:
    """One request sent to both nodes many times at once is recorded once; all learn where."""
    answers = race([(pair[n % 2], Say(words="once"), "K") for n in range(8)])
    outcomes = [answer for answer in answers if isinstance(answer, Outcome)]
    assert len(outcomes) == 8, answers
    assert all(outcome.events == outcomes[0].events for outcome in outcomes)
    assert [outcome.repeated for outcome in outcomes].count(False) == 1
    assert len(stored(pair[0].recorder)) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_recording_times_follow_positions_whatever_the_clocks_say(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Three nodes whose clocks differ by an hour and by a day record at once, many times.

    The answers tell the times that are stored, and a command that is overtaken on another date is
    decided on that date.
    """
    where: Any = tmp_path / "ledger.db"
    if kind == "postgres":
        where = request.getfixturevalue("postgres_database")
    make = SQLiteRecorder if kind == "sqlite" else PostgresRecorder
    days: dict[str, date] = {}

    class Note(Command):
        words: str

        def decide(self, inquiry: Inquiry) -> Iterator[Event]:
            days[self.words] = inquiry.today
            yield Heard(words=self.words)

    with ExitStack() as stack:
        ledgers = []
        for ahead in (timedelta(), timedelta(hours=1), timedelta(days=1)):
            store = stack.enter_context(make(where))  # type: ignore[operator]
            clock = partial(datetime.__add__, NOW, ahead)
            ledgers.append(stack.enter_context(Ledger(store, clock=clock)))
        commands = [(ledgers[n % 3], Note(words=f"{n}"), None) for n in range(24)]
        answers = race(commands)
        stored_ = [codec.decode(s.position, s.event.data) for s in ledgers[0].recorder.read()]
    times = [record.envelope.recorded_at for record in stored_]
    assert times == sorted(times)
    assert {r.position: r for a in answers if isinstance(a, Outcome) for r in a.events} == {
        r.position: r for r in stored_
    }
    newest = {r.event.words: r for r in stored_ if isinstance(r.event, Heard)}
    for words, record in newest.items():
        assert days[words] == civil_date(record.envelope.recorded_at)


def test_positions_are_right_when_others_appended_in_between(recorder: DCBRecorder) -> None:
    """What nobody here had read may slip in; the answers still say where the events lie."""
    store = Between(recorder)
    with Ledger(store) as ledger, Ledger(recorder) as other:
        ledger.execute(TakeSeat(guest="A"), USHER)
        store.before = once(lambda: other.execute(Say(words="meanwhile"), USHER))
        with held(ledger):
            futures = [
                hand_in(ledger, TakeSeat(guest="A")),
                hand_in(ledger, TakeSeat(guest="B")),
                hand_in(ledger, Say(words="hush")),
                hand_in(ledger, Say(words="hush"), key="K"),
                hand_in(ledger, Say(words="hush"), key="K"),
            ]
        outcomes = [future.result(SECONDS) for future in futures]
        records = {record.position: record for record in stored(recorder)}
        for outcome in outcomes[1:]:
            assert all(records[record.position] == record for record in outcome.events)
            assert outcome.position == outcome.events[-1].position
        assert [outcome.position for outcome in outcomes] == [1, 3, 4, 5, 5]
        assert ledger.execute(TakeSeat(guest="C"), USHER).events[0].position == 6
    assert seats(recorder) == [1, 2, 3]


def test_a_conflict_decides_again(recorder: DCBRecorder) -> None:
    """When what was read has changed, the whole batch is decided from fresh folds."""
    store = Between(recorder)
    with Ledger(store) as ledger, Ledger(recorder) as other:
        ledger.execute(TakeSeat(guest="A"), USHER)
        store.before = once(lambda: other.execute(TakeSeat(guest="X"), USHER))
        with held(ledger):
            futures = [hand_in(ledger, TakeSeat(guest=guest, capacity=3)) for guest in "BC"]
        assert futures[0].result(SECONDS).position == 3
        assert isinstance(futures[1].exception(SECONDS), OutOfStep)
        assert ledger.statistics.retries == 1
    assert seats(recorder) == [1, 2, 3]


def test_endless_conflicts_end(monkeypatch: pytest.MonkeyPatch, between: Between) -> None:
    """If others always come first, the sender is told to try again, and nothing is recorded."""
    monkeypatch.setattr(kernel_sequencer, "MAX_ATTEMPTS", 3)
    guests = iter(range(100))
    with Ledger(between) as ledger, Ledger(between.recorder) as other:
        ledger.execute(TakeSeat(guest="A"), USHER)
        between.before = lambda: other.execute(TakeSeat(guest=f"X{next(guests)}"), USHER)
        with pytest.raises(Unavailable, match="again"):
            ledger.execute(TakeSeat(guest="B"), USHER)
        between.before = lambda: None
        assert ledger.execute(TakeSeat(guest="B"), USHER).position == 5


# Idempotency


def test_a_key_answers_with_the_first_result(ledger: Ledger) -> None:
    """The same request under the same key is recorded once, for ever, all its events found."""

    class SayBoth(Command):
        words: tuple[str, ...]

        def decide(self, inquiry: Inquiry) -> Iterator[Event]:
            for word in self.words:
                yield Heard(words=word)

    first = ledger.execute(SayBoth(words=("one", "two")), USHER, key="K")
    ledger.execute(Say(words="three"), USHER)
    again = ledger.execute(SayBoth(words=("one", "two")), USHER, key="K")
    assert (first.repeated, again.repeated) == (False, True)
    assert (again.position, again.events) == (2, first.events)
    assert len(stored(ledger.recorder)) == 3


def test_a_key_repeats_within_one_batch(ledger: Ledger) -> None:
    """Repeats that wait together are recorded once."""
    with held(ledger):
        futures = [hand_in(ledger, Say(words="once"), key="K") for _ in range(3)]
    outcomes = [future.result(SECONDS) for future in futures]
    assert [outcome.repeated for outcome in outcomes] == [False, True, True]
    assert {outcome.position for outcome in outcomes} == {1}


def test_a_key_survives_a_restart(recorder: DCBRecorder) -> None:
    """The ledger itself remembers keys; a new process finds them."""
    with Ledger(recorder) as ledger:
        ledger.execute(Say(words="once"), USHER, key="K")
    with Ledger(recorder) as ledger:
        assert ledger.execute(Say(words="once"), USHER, key="K").repeated


def test_a_key_for_another_request_is_refused(ledger: Ledger) -> None:
    """A key that was used for other content, or another command, is not taken again."""
    ledger.execute(Say(words="one"), USHER, key="K")
    with pytest.raises(KeyReused, match="position 1"):
        ledger.execute(Say(words="two"), USHER, key="K")
    with pytest.raises(KeyReused):
        ledger.execute(TakeSeat(guest="one"), USHER, key="K")
    assert len(stored(ledger.recorder)) == 1


def test_a_key_belongs_to_its_sender(ledger: Ledger) -> None:
    """Two people may use the same key for different things."""
    other = type(USHER)(unit_id="HOUSE", person_id="USHER-2", role="usher")
    ledger.execute(Say(words="one"), USHER, key="K")
    assert not ledger.execute(Say(words="two"), other, key="K").repeated


def test_a_key_of_a_refused_command_is_free(ledger: Ledger) -> None:
    """Only what was recorded uses up its key."""
    with pytest.raises(OutOfStep):
        ledger.execute(TakeSeat(guest="A", capacity=0), USHER, key="K")
    assert not ledger.execute(TakeSeat(guest="A", capacity=1), USHER, key="K").repeated


def test_without_a_key_every_command_counts(ledger: Ledger) -> None:
    """The same wish twice, without a key, is two wishes."""
    assert ledger.execute(Say(words="again"), USHER).position == 1
    assert ledger.execute(Say(words="again"), USHER).position == 2


# Failures of the store, each with what it leaves


def failing() -> None:
    raise OperationalError("the disk is gone")


def test_an_append_that_fails_leaves_nothing(between: Between) -> None:
    """All of the batch are told Unavailable; sent again, all are recorded."""
    with Ledger(between) as ledger:
        ledger.execute(TakeSeat(guest="A"), USHER)
        between.before = once(failing)
        with held(ledger):
            futures = [hand_in(ledger, TakeSeat(guest=guest), key=guest) for guest in "BC"]
        assert [type(f.exception(SECONDS)) for f in futures] == [Unavailable, Unavailable]
        assert seats(between) == [1]
        for guest in "BC":
            assert not ledger.execute(TakeSeat(guest=guest), USHER, key=guest).repeated
    assert seats(between) == [1, 2, 3]


def test_an_append_that_fails_after_it_was_done_is_answered(between: Between) -> None:
    """The ledger is asked what it holds: all of the batch learn where their events are."""
    with Ledger(between) as ledger:
        ledger.execute(Say(words="one"), USHER, key="S")
        between.after = once(failing)
        with held(ledger):
            keyed = hand_in(ledger, TakeSeat(guest="A"), key="K")
            free = hand_in(ledger, TakeSeat(guest="B"))
            again = hand_in(ledger, Say(words="one"), key="S")
            other = hand_in(ledger, Say(words="two"), key="S")
        assert (keyed.result(SECONDS).position, keyed.result().repeated) == (2, False)
        assert (free.result(SECONDS).position, free.result().repeated) == (3, False)
        assert (again.result(SECONDS).position, again.result().repeated) == (1, True)
        assert isinstance(other.exception(SECONDS), KeyReused)
        assert ledger.execute(TakeSeat(guest="A"), USHER, key="K").repeated
    assert seats(between) == [1, 2]


def test_an_append_whose_end_nobody_knows_is_not_denied(between: Between) -> None:
    """Where the ledger cannot be asked, the answer says that it is not known; a repeat tells."""

    def break_off() -> None:
        between.reading = once(failing)
        failing()

    with Ledger(between) as ledger:
        between.after = once(break_off)
        with pytest.raises(OutcomeUnknown, match="Idempotency-Key"):
            ledger.execute(TakeSeat(guest="A"), USHER, key="K")
        again = ledger.execute(TakeSeat(guest="A"), USHER, key="K")
        assert (again.position, again.repeated) == (1, True)


def test_an_append_that_may_still_be_committing_is_not_denied(between: Between) -> None:
    """A reader does not see it yet, so that nobody may say that nothing was recorded."""

    def lose() -> None:
        raise StillCommitting("the connection was lost")

    with Ledger(between) as ledger:
        between.before = once(lose)
        with pytest.raises(OutcomeUnknown, match="Idempotency-Key"):
            ledger.execute(TakeSeat(guest="A"), USHER, key="K")
        assert ledger.execute(TakeSeat(guest="A"), USHER, key="K").position == 1


@pytest.mark.parametrize("reads_before", [0, 1, 2])
def test_a_read_that_fails_is_unavailable(between: Between, reads_before: int) -> None:
    """Whichever question the store does not answer, the sender may ask again, and it works."""
    with Ledger(between) as ledger:
        steps = iter(range(100))
        between.reading = lambda: failing() if next(steps) == reads_before else None
        with pytest.raises(Unavailable):
            ledger.execute(TakeSeat(guest="A"), USHER, key="K")
        assert ledger.execute(TakeSeat(guest="A"), USHER, key="K").position == 1
    assert seats(between) == [1]


# Closing and limits


def test_close_decides_what_is_waiting(recorder: DCBRecorder) -> None:
    """Closing answers everything handed in before it, and turns away what comes after."""
    ledger = Ledger(recorder)
    with held(ledger):
        futures = [hand_in(ledger, TakeSeat(guest=f"G{n}")) for n in range(5)]
        closing = threading.Thread(target=ledger.close)
        closing.start()
    closing.join(SECONDS)
    assert [future.result(0).position for future in futures] == [1, 2, 3, 4, 5]
    with pytest.raises(Unavailable, match="shutting down"):
        ledger.execute(Say(words="late"), USHER)
    ledger.close()


def test_a_full_queue_turns_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit a command is refused at once, not made to wait."""
    monkeypatch.setattr(kernel_sequencer, "MAX_WAITING", 2)
    with Ledger(InMemoryDCBRecorder()) as ledger:
        with held(ledger):
            futures = [hand_in(ledger, TakeSeat(guest=guest)) for guest in "AB"]
            assert ledger.waiting == 2
            with pytest.raises(Unavailable, match="waiting"):
                hand_in(ledger, TakeSeat(guest="C"))
        assert [future.result(SECONDS).position for future in futures] == [1, 2]


def test_a_long_wait_turns_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken is answered in bounded time, also while the store hangs; then all is well."""
    monkeypatch.setattr(kernel_sequencer, "MAX_WAIT_SECONDS", 60.0)
    with Ledger(InMemoryDCBRecorder()) as ledger:
        with held(ledger):
            futures = [hand_in(ledger, TakeSeat(guest="A"))]
            ledger._pace = 45.0
            futures.append(hand_in(ledger, TakeSeat(guest="B")))
            with pytest.raises(Unavailable, match="wait for more than"):
                hand_in(ledger, TakeSeat(guest="C"))
        assert [future.result(SECONDS).position for future in futures] == [1, 2]
        ledger._began = monotonic() - 100  # the store hangs
        with pytest.raises(Unavailable, match="wait for more than"):
            hand_in(ledger, TakeSeat(guest="D"))
        ledger._began = None
        assert ledger.execute(TakeSeat(guest="E"), USHER).position == 3


def test_a_future_cannot_be_cancelled() -> None:
    """Once handed in, a command is decided; nobody can believe otherwise."""
    with Ledger(InMemoryDCBRecorder()) as ledger:
        with held(ledger):
            future = hand_in(ledger, TakeSeat(guest="A"))
            assert not future.cancel()
        assert future.result(SECONDS).position == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgotten folds are read again and give the same answer."""
    from ledger.kernel import memory

    monkeypatch.setattr(memory, "MAX_FOLDS", 2)
    with Ledger(InMemoryDCBRecorder()) as ledger:
        for n in range(12):
            ledger.execute(TakeSeat(guest=f"G{n}", hall=f"H{n % 4}"), USHER)
        assert len(ledger._memory._folds) <= 3
        assert seats(ledger.recorder) == [1] * 4 + [2] * 4 + [3] * 4


def test_what_is_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many folds the ones not asked for longest go; a hot one is never read again."""
    from ledger.kernel import memory

    monkeypatch.setattr(memory, "MAX_FOLDS", 3)
    with Ledger(InMemoryDCBRecorder()) as ledger:
        for n in range(30):
            ledger.execute(TakeSeat(guest=f"A{n}", hall="HOT", capacity=99), USHER)
            ledger.execute(TakeSeat(guest=f"B{n}", hall=f"H{n}"), USHER)
        kept = ledger._memory._folds
        assert Seats("HOT").question() in kept
        assert Seats("H0").question() not in kept
        handles = ledger._memory._by_tag
        assert sum(map(len, handles.values())) == len(kept)
        assert all(handles.values())


class Deface(Command):
    """Changes the fold that it reads."""

    def decide(self, inquiry: Inquiry) -> tuple[Event, ...]:
        inquiry.read(Seats("HALL")).guests["ghost"] = 1
        return (Heard(words="boo"),)


def test_a_fold_that_a_command_changes_is_found() -> None:
    """A fold is shared: the next command would believe what this one wrote into it."""
    with Ledger(InMemoryDCBRecorder()) as ledger, pytest.raises(TypeError, match="Seats was chang"):
        ledger.execute(Deface(), USHER)


def test_falling_far_behind_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """When others appended more than is worth following, folds are read anew, and right."""
    from ledger.kernel import memory

    monkeypatch.setattr(memory, "MAX_CATCH_UP", 3)
    store = InMemoryDCBRecorder()
    with Ledger(store) as ledger, Ledger(store) as other:
        ledger.execute(TakeSeat(guest="A"), USHER)
        for n in range(10):
            other.execute(TakeSeat(guest=f"G{n}"), USHER)
        assert ledger.execute(TakeSeat(guest="B"), USHER).events[0].position == 12
    assert seats(store) == list(range(1, 13))


# The envelope


def test_the_clock_is_injected(recorder: DCBRecorder) -> None:
    """Recording times are the given clock's, in UTC, and so are the ids' milliseconds."""
    zone = datetime.fromisoformat("2026-05-11T10:00:00.5+08:00")
    with Ledger(recorder, clock=lambda: zone) as ledger:
        (record,) = ledger.execute(Say(words="x"), USHER).events
    head = record.envelope
    assert head.recorded_at == head.occurred_at == zone
    assert head.recorded_at.tzinfo is UTC
    assert head.event_id.int >> 80 == int(zone.timestamp() * 1000)
    assert head.event_id.version == 7
    assert stored(recorder) == [record]


def test_a_fact_of_the_future_is_malformed() -> None:
    """What is said to have happened more than five minutes ahead of the clock is refused."""
    with Ledger(InMemoryDCBRecorder(), clock=lambda: NOW) as ledger:
        ahead = NOW + timedelta(minutes=5)
        assert ledger.execute(Say(words="x", occurred_at=ahead), USHER).position == 1
        with pytest.raises(Malformed, match="future") as refused:
            ledger.execute(Say(words="x", occurred_at=ahead + timedelta(seconds=1)), USHER)
        assert refused.value.pointer == "/occurred_at"


def test_the_second_event_was_caused_by_the_first(recorder: DCBRecorder) -> None:
    """All events of a command share its ids; the first causes the others and carries its tag."""

    class Tell(Command):
        def decide(self, inquiry: Inquiry) -> Iterator[Event]:
            yield Heard(words=1)
            yield Heard(words=2)

    with Ledger(recorder) as ledger:
        context = make_context(Tell(), USHER, NOW, key="K")
        one, two = ledger.submit(Tell(), context).result(SECONDS).events
    assert (one.envelope.causation_id, two.envelope.causation_id) == (None, one.envelope.event_id)
    assert one.envelope.correlation_id == two.envelope.correlation_id == context.correlation_id
    assert (one.envelope.request_digest, two.envelope.request_digest) == (
        context.request_digest,
        None,
    )
    tags = [found.event.tags for found in recorder.read()]
    assert tags == [["actor:USHER-1", f"command:{context.command_id}"], ["actor:USHER-1"]]


def test_a_hooks_events_are_recorded_with_the_decision(recorder: DCBRecorder) -> None:
    """Further events that a hook names are part of the same append."""

    def echo(inquiry: Inquiry, facts: list[Any]) -> Iterator[Event]:
        for fact in facts:
            yield Heard(words=f"echo of {fact.event.words}")

    with Ledger(recorder, hooks=(echo,)) as ledger:
        outcome = ledger.execute(Say(words="x"), USHER)
    assert [record.event for record in outcome.events] == [
        Heard(words="x"),
        Heard(words="echo of x"),
    ]


def test_names_made_in_the_same_millisecond_differ() -> None:
    """Commands without a key make names that do not collide, however fast they come."""
    names = set()

    class Name(Command):
        def decide(self, inquiry: Inquiry) -> tuple[Event, ...]:
            names.update({inquiry.name("F"), inquiry.name("F")})
            return ()

    with Ledger(InMemoryDCBRecorder(), clock=lambda: NOW) as ledger:
        wait([hand_in(ledger, Name()) for _ in range(2000)])
    assert len(names) == 4000


def test_names_are_the_same_on_every_retry() -> None:
    """A name follows from the command id alone: deciding again makes no second thing."""
    made = []

    class Name(Command):
        def decide(self, inquiry: Inquiry) -> Iterator[Event]:
            inquiry.read(Seats("H"))
            made.append(inquiry.name("F"))
            yield Heard(words=made[-1])

    store = Between(InMemoryDCBRecorder())
    with Ledger(store) as ledger, Ledger(store.recorder) as other:
        store.before = once(lambda: other.execute(TakeSeat(guest="X"), USHER))
        ledger.execute(Name(), USHER)
    assert len(made) == 2
    assert made[0] == made[1]
