"""Signs of life, and who looks after them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import (
    Actor,
    Command,
    Event,
    Inquiry,
    Ledger,
    Outcome,
    OutcomeUnknown,
    Unavailable,
)
from ledger.kernel import sequencer as kernel_sequencer
from ledger.kernel import threads as kernel_threads
from ledger.kernel.contexts import make_context
from ledger.kernel.threads import Pulse, Supervisor, Worker

USHER = Actor(unit_id="U", person_id="P", role="unit_head")


class Killed(BaseException):
    """Nothing that a step raises by itself: no ``except Exception`` sees it."""


class Waits(Command):
    """Wait until the test lets go."""

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        _begun.set()
        _released.wait(10)
        return ()


_begun, _released = threading.Event(), threading.Event()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kernel_threads, "LOOK_SECONDS", 0.02)
    _begun.clear()
    _released.clear()
    yield
    _released.set()


def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class TestSupervisor:
    """It notices the dead and the stuck, and nobody else."""

    @pytest.mark.parametrize("error", [Killed, SystemExit, KeyboardInterrupt, ValueError])
    def test_the_dead(self, error: type[BaseException]) -> None:
        """Whatever ends a thread is told, once, and without its text."""

        def work() -> None:
            raise error("what somebody sent")

        told: list[str] = []
        worker = Worker("w", work, limit=None)
        supervisor = Supervisor((worker,))
        supervisor.on_trouble = told.append
        worker.start()
        until(lambda: told)
        supervisor.look(1)
        assert told == [f"w: ended by {error.__name__}"]
        assert supervisor.troubles() == {"w": f"ended by {error.__name__}"}

    def test_the_dead_before_anybody_looked(self) -> None:
        """A thread that failed while the service was being opened is told as well."""
        worker = Worker("w", lambda: None, limit=None)
        worker.start()
        until(lambda: worker.failure)
        told: list[str] = []
        supervisor = Supervisor((worker,))
        supervisor.on_trouble = told.append
        supervisor.look(1)
        assert told == ["w: ended although nobody asked it to"]

    def test_the_stuck(self) -> None:
        """Only a step that goes on for longer than it may is trouble."""
        stuck, resting, slow = Pulse("stuck", 1.0), Pulse("resting", 1.0), Pulse("slow", None)
        moving = Pulse("moving", 1.0)
        supervisor = Supervisor((stuck, resting, slow, moving))
        for pulse in (stuck, slow, moving):
            pulse.step()
        resting.step()
        resting.rest()
        for _ in range(5):
            supervisor.look(0.4)
            moving.step()
        assert supervisor.troubles() == {"stuck": "has been in one step for more than 1 s"}

    def test_a_paused_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that did not run at all for an hour has no stuck threads."""
        pulse = Pulse("p", 1.0)
        pulse.step()
        supervisor = Supervisor((pulse,))
        real, jump = time.monotonic, [0.0]
        monkeypatch.setattr(kernel_threads.time, "monotonic", lambda: real() + jump[0])
        supervisor.start()
        time.sleep(0.1)
        jump[0] = 3600.0
        time.sleep(0.1)
        assert not supervisor.troubles()
        supervisor.stop()

    def test_ended_in_order(self) -> None:
        """Who was asked to end is no trouble."""
        stop = threading.Event()
        worker = Worker("w", lambda: bool(stop.wait()) and None, limit=0.01)
        supervisor = Supervisor((worker,))
        supervisor.start()
        worker.start()
        worker.ending()
        stop.set()
        worker.join()
        supervisor.look(1)
        assert not supervisor.troubles()
        supervisor.stop()


class Store(InMemoryDCBRecorder):
    """A store that does what the test wants at an append."""

    act: Callable[[], object] = staticmethod(lambda: None)

    def append(self, *given: Any, **more: Any) -> int:
        last = super().append(*given, **more)
        self.act()
        return last


class Says(Event):
    """Something was said."""

    TOPIC = "threads.says"
    VISIBILITY = "public"

    words: str


class Say(Command):
    """Say something."""

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        yield Says(words="w")


def _raise() -> None:
    raise Killed


#: A step of the sequencer, and how it is made to fail.
STEPS: dict[str, Callable[[Ledger, pytest.MonkeyPatch], None]] = {
    "catching up": lambda led, m: m.setattr(led._memory, "catch_up", _raise),
    "deciding": lambda led, m: m.setattr(led, "_decide", lambda *_: _raise()),
    "appending": lambda led, m: m.setattr(led.recorder, "act", _raise),
    "remembering": lambda led, m: m.setattr(led._memory, "committed", lambda *_: _raise()),
    "counting": lambda led, m: m.setattr(led, "statistics", None),
    "logging": lambda led, m: (
        m.setattr(led._memory, "catch_up", lambda: 1 / 0),
        m.setattr(kernel_sequencer, "log", None),
    ),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("step", STEPS)
def test_a_sequencer_that_dies_answers(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step fails: what waits is turned away, what was begun is unknown, nobody waits."""
    ledger = Ledger(Store())
    first = ledger.submit(Waits(), make_context(Waits(), USHER, ledger.clock()))
    assert _begun.wait(60)
    monkeypatch.setattr(kernel_sequencer, "MAX_BATCH", 2)
    STEPS[step](ledger, monkeypatch)
    waiting = [ledger.submit(Say(), make_context(Say(), USHER, ledger.clock())) for _ in range(5)]
    _released.set()
    errors = [future.exception(5) for future in (first, *waiting)]
    assert isinstance(errors[1] if errors[0] is None else errors[0], OutcomeUnknown)
    assert isinstance(errors[-1], Unavailable)
    assert None not in errors[1:]
    until(lambda: ledger.worker.failure)
    with pytest.raises(Unavailable, match="has failed"):
        ledger.execute(Say(), USHER)
    ledger.close()  # and closing does not wait for ever


def test_an_answer_that_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    """All others of the batch are answered as they were decided, then the sequencer is dead."""
    ledger = Ledger(Store())
    first = ledger.submit(Waits(), make_context(Waits(), USHER, ledger.clock()))
    assert _begun.wait(60)
    context = make_context(Say(), USHER, ledger.clock())
    ledger.hand_in(Say(), context, lambda _: _raise())
    later = ledger.submit(Say(), make_context(Say(), USHER, ledger.clock()))
    _released.set()
    assert isinstance(later.result(5), Outcome)
    assert isinstance(first.result(5), Outcome)
    until(lambda: ledger.worker.failure)


def test_a_store_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that is stuck is given up; when it comes back after all, it answers nobody twice."""
    monkeypatch.setattr(kernel_sequencer, "STEP_SECONDS", 0.1)
    ledger = Ledger(Store())
    supervisor = Supervisor((ledger.worker,))
    supervisor.start()
    answers: list[Any] = []
    for command in (Waits(), Say()):
        context = make_context(command, USHER, ledger.clock())
        ledger.hand_in(command, context, answers.append)
        assert _begun.wait(60)
    until(lambda: len(answers) == 2)
    assert isinstance(answers[0], OutcomeUnknown)
    assert isinstance(answers[1], Unavailable)
    assert "one step" in supervisor.troubles()["sequencer"]
    _released.set()
    ledger.close()
    assert len(answers) == 2
    supervisor.stop()


def test_an_orphaned_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds the lock of the queue for ever keeps nobody waiting for an answer."""
    monkeypatch.setattr(kernel_sequencer, "STEP_SECONDS", 0.1)
    monkeypatch.setattr(kernel_sequencer, "LOCK_SECONDS", 0.1)
    ledger = Ledger(Store())
    supervisor = Supervisor((ledger.worker,))
    supervisor.start()
    first = ledger.submit(Say(), make_context(Say(), USHER, ledger.clock()))
    first.result(5)
    context = make_context(Say(), USHER, ledger.clock())
    answers: list[Any] = []
    ledger.hand_in(Waits(), context, answers.append)
    assert _begun.wait(60)
    with ledger._closing:
        _released.set()
        until(lambda: answers)
    assert isinstance(answers[0], OutcomeUnknown)
    supervisor.stop()
    ledger.close()
