"""Reading ahead: a trial that fails stops nothing, a store that fails stops at once."""

from __future__ import annotations

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.persistence import OperationalError

from ledger.kernel.ahead import Ahead, read_ahead
from ledger.kernel.memory import Memory
from ledger.kernel.questions import SubjectKnown


def test_a_trial_that_fails_leaves_the_others_theirs() -> None:
    """Blank answers may lead a command anywhere; what it and the others asked is read."""
    memory = Memory(InMemoryDCBRecorder())

    def decide(name: str, past: Ahead) -> None:
        if not past.fold(SubjectKnown(f"seat:{name}")).known:
            raise ValueError(name)

    read_ahead(memory, ["a", "b"], decide)

    assert all(memory.known(SubjectKnown(f"seat:{name}")) is not None for name in "ab")


def test_a_store_that_does_not_answer_is_asked_once() -> None:
    """A batch that waited for it once for each command would take longer than a step may."""
    tried: list[int] = []

    def decide(item: int, past: Ahead) -> None:
        tried.append(item)
        raise OperationalError("the database does not answer")

    with pytest.raises(OperationalError):
        read_ahead(Memory(InMemoryDCBRecorder()), range(100), decide)

    assert tried == [0]
