"""Recording times: they never run backwards, whatever the clock does and whoever appended last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from eventsourcing.dcb.api import DCBEvent, DCBRecorder

from ledger.kernel import Ledger, codec
from tests.kernel.hall import USHER, Say

NOW = datetime(2026, 5, 11, 2, tzinfo=UTC)


def times(recorder: DCBRecorder) -> list[datetime]:
    return [codec.decode(s.position, s.event.data).envelope.recorded_at for s in recorder.read()]


def say(recorder: DCBRecorder, now: datetime) -> None:
    """A process with this clock starts, records something, and ends."""
    with Ledger(recorder, clock=lambda: now) as ledger:
        ledger.execute(Say(words="x"), USHER)


def test_a_clock_that_was_set_back_before_a_start(recorder: DCBRecorder) -> None:
    """What a restarted process records is not earlier than what is recorded already."""
    for days in (0, -400, 1, -1):
        say(recorder, NOW + timedelta(days=days))
    later = NOW + timedelta(days=1)
    assert times(recorder) == [NOW, NOW, later, later]


def test_another_process_is_ahead(recorder: DCBRecorder) -> None:
    """Nor is it earlier than what another process appended meanwhile, with folds remembered."""
    ahead = NOW + timedelta(minutes=3)
    with (
        Ledger(recorder, clock=lambda: NOW) as slow,
        Ledger(recorder, clock=lambda: ahead) as fast,
    ):
        for ledger in (slow, fast, slow, slow):
            ledger.execute(Say(words="x"), USHER)
    assert times(recorder) == [NOW, ahead, ahead, ahead]


def test_an_unreadable_last_record(recorder: DCBRecorder) -> None:
    """A record that this program cannot read does not stop the next one."""
    say(recorder, NOW)
    recorder.append([DCBEvent(type="other.thing", data=b"\xc1", tags=[])])
    say(recorder, NOW)
    last = list(recorder.read(after=2))
    assert codec.recorded_at(last[0].event.data) == NOW
