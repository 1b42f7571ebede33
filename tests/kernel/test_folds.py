"""Folds: one question, answered from the events of one subject, as corrected."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import msgspec
import pytest

import ledger.registry  # noqa: F401 - declares the folds
from ledger.kernel import (
    Actor,
    Event,
    FieldChange,
    Fold,
    RecordCorrected,
    Recorded,
    SubjectFold,
)
from ledger.kernel.corrections import CorrectionImpossible, as_corrected, corrected
from ledger.kernel.events import Envelope
from ledger.kernel.folds import known_folds, reducers_of, topics_of
from tests.kernel.hall import Heard, Party, PartyArrived, SeatLeft, Seats, SeatTaken, Visits


def recorded(position: int, event: Event) -> Recorded:
    moment = datetime(2026, 5, 11, position, tzinfo=UTC)
    head = Envelope(
        event_id=UUID(int=position),
        type=event.TOPIC,
        schema_version=1,
        occurred_at=moment,
        recorded_at=moment,
        actor=Actor(unit_id="HOUSE", person_id="USHER-1", role="usher"),
        correlation_id=UUID(int=0),
        command_id="c",
        visibility="public",
    )
    return Recorded(position, head, event)


def correction(target: Recorded, path: str, old: Any, new: Any) -> RecordCorrected:
    return RecordCorrected(
        target_event_id=target.envelope.event_id,
        target_position=target.position,
        field_changes=(FieldChange(path=path, old=old, new=new),),
        reason="mistyped",
        requested_by="A",
        approved_by="B",
        subjects=tuple(target.event.tags()),
    )


TAKEN = recorded(1, SeatTaken(hall="H", guest="G", seat=11))


def test_a_fold_asks_for_its_events_of_its_subject() -> None:
    """The selector names the reducers' topics and the subject's tags, in the order declared."""
    assert Visits("G", "H").selector().tags == ("guest:G", "hall:H")
    assert Seats("H").selector().tags == ("hall:H",)
    topics = ("tests.seat-left", "tests.seat-taken", "corrections.record-corrected")
    assert Seats("H").selector().topics == topics


def test_reducers_are_inherited() -> None:
    """A subclass reads what its base reads, and more; the base is left alone."""

    class Noisy(Seats):
        noise: int = 0

        def on_heard(self, event: Heard) -> None:
            self.noise += 1

    assert set(reducers_of(Noisy)) == {SeatTaken, SeatLeft, Heard}
    assert set(reducers_of(Seats)) == {SeatTaken, SeatLeft}
    fold = Noisy("H").over([TAKEN, recorded(2, Heard(words="hush"))])
    assert (fold.guests, fold.noise) == ({"G": 11}, 1)


def test_an_overridden_reducer_takes_the_place_of_its_base() -> None:
    """A subclass that reduces the same event by the same name reduces it once."""

    class Doubled(Seats):
        def on_taken(self, event: SeatTaken) -> None:
            self.guests[event.guest] = 2 * event.seat

    assert Doubled("H").over([TAKEN]).guests == {"G": 22}


def test_a_union_is_reduced_by_one_method() -> None:
    """One reducer may take several event types."""

    class Moves(Fold):
        hall: str
        count: int = 0

        def on_moved(self, event: SeatTaken | SeatLeft) -> None:
            self.count += 1

    left = recorded(2, SeatLeft(hall="H", guest="G"))
    assert Moves("H").over([TAKEN, left]).count == 2


def test_a_reducer_of_what_is_no_event_is_an_error() -> None:
    """A reducer that could never fire is found when the fold is first used."""

    class Wrong(Fold):
        hall: str

        def on_party(self, party: Party) -> None: ...

    with pytest.raises(TypeError, match=r"Wrong\.on_party.*not an event type"):
        topics_of(Wrong)


def test_two_reducers_of_one_event_are_an_error() -> None:
    """Which of them runs first must not matter, so there is one."""

    class Twice(Fold):
        hall: str

        def on_taken(self, event: SeatTaken) -> None: ...

        def on_seated(self, event: SeatTaken) -> None: ...

    with pytest.raises(TypeError, match="SeatTaken twice"):
        topics_of(Twice)


def test_a_fold_about_corrections_names_their_topic_once() -> None:
    """No topic stands twice in a selector, which some stores would answer twice."""

    class Mistakes(Fold):
        hall: str

        def on_corrected(self, event: RecordCorrected) -> None: ...

    assert topics_of(Mistakes) == ("corrections.record-corrected",)


def test_two_questions_are_the_same_by_class_and_subject() -> None:
    """The question ignores the answer so far; blank gives the question anew."""
    fold = Seats("H").over([TAKEN])
    assert fold.question() == Seats("H").question()
    assert fold.question() != Seats("I").question()
    assert fold.question() != Visits("G", "H").question()
    assert fold.blank() == Seats("H")


def test_corrections_are_seen_in_any_order() -> None:
    """Wherever corrections of different fields stand, a fold sees the events as corrected."""
    records = [
        TAKEN,
        recorded(2, SeatTaken(hall="H", guest="F", seat=12)),
        recorded(3, correction(TAKEN, "/body/seat", 11, 21)),
        recorded(4, correction(TAKEN, "/body/note", "", "aisle")),
    ]
    for order in permutations(records):
        assert Seats("H").over(order).guests == {"G": 21, "F": 12}
        said = {r.position: r.event for r in as_corrected(order)}
        assert said[1] == SeatTaken(hall="H", guest="G", seat=21, note="aisle")


def test_as_known_before_a_correction() -> None:
    """A replay of what was known up to a position knows no later correction."""
    records = [TAKEN, recorded(2, correction(TAKEN, "/body/seat", 11, 21))]
    assert Seats("H").over(records[:1]).guests == {"G": 11}
    assert Seats("H").over(records).guests == {"G": 21}


def test_a_correction_of_a_correction_follows_the_chain() -> None:
    """The same field corrected again starts from the corrected value."""
    records = [
        TAKEN,
        recorded(2, correction(TAKEN, "/body/seat", 11, 21)),
        recorded(3, correction(TAKEN, "/body/seat", 21, 31)),
    ]
    assert Seats("H").over(records).guests == {"G": 31}


def test_the_moment_can_be_corrected() -> None:
    """When something happened is corrected in the envelope; the recording time stays."""
    change = FieldChange(
        path="/occurred_at", old="2026-05-11T01:00:00Z", new="2026-05-10T01:00:00Z"
    )
    result = corrected(TAKEN, [change])
    assert result.envelope.occurred_at == datetime(2026, 5, 10, 1, tzinfo=UTC)
    assert result.envelope.recorded_at == TAKEN.envelope.recorded_at
    assert result.event == TAKEN.event


PARTY = recorded(1, PartyArrived(parties=(Party(hall="H", guests=("A",)),), host="B"))


@pytest.mark.parametrize(
    ("target", "path", "old", "new", "says"),
    [
        pytest.param(TAKEN, "/body/seat", 12, 13, "says 11, not 12", id="another old value"),
        pytest.param(TAKEN, "/body/row", 1, 2, "not a field", id="no such field"),
        pytest.param(TAKEN, "/body/seat/0", 1, 2, "not a field", id="inside a number"),
        pytest.param(TAKEN, "/body/seat", 11, "x", "would not be valid", id="another type"),
        pytest.param(TAKEN, "/body/guest", "G", "F", "subject", id="a subject"),
        pytest.param(PARTY, "/body/host", "B", None, "subject", id="an optional subject"),
        pytest.param(
            PARTY, "/body/parties/0/guests/0", "A", "C", "another subject", id="a subject inside"
        ),
        pytest.param(PARTY, "/body/parties/7", "A", "C", "not a field", id="no such place"),
    ],
)
def test_a_change_that_does_not_fit_is_impossible(
    target: Recorded, path: str, old: Any, new: Any, says: str
) -> None:
    """A correction names an existing field by its present value, stays valid, moves no subject."""
    with pytest.raises(CorrectionImpossible, match=says):
        corrected(target, [FieldChange(path=path, old=old, new=new)])


def test_a_default_can_be_corrected() -> None:
    """A field that was left at its default, and so is not stored, can still be corrected."""
    change = FieldChange(path="/body/note", old="", new="aisle")
    result = corrected(TAKEN, [change]).event
    assert isinstance(result, SeatTaken)
    assert result.note == "aisle"


def test_what_lies_inside_tuples_can_be_corrected() -> None:
    """A place in a list is named by its number, and a list is compared with a list."""
    heard = recorded(1, PartyArrived(parties=(Party(hall="H"), Party(hall="H")), host="B"))
    change = FieldChange(path="/body/parties", old=[{"hall": "H", "guests": []}] * 2, new=[])
    with pytest.raises(CorrectionImpossible, match="another subject"):
        corrected(heard, [change])
    words = recorded(1, Heard(words={"said": ("one", "two")}))
    result = corrected(words, [FieldChange(path="/body/words/said/1", old="two", new="three")])
    assert result.event == Heard(words={"said": ["one", "three"]})
    whole = FieldChange(path="/body/words/said", old=["one", "two"], new=[])
    assert corrected(words, [whole]).event == Heard(words={"said": []})


def test_a_path_is_a_pointer_into_the_record() -> None:
    """Envelope fields other than the moment cannot be named at all."""
    for path in ("/actor", "/body", "body/seat", "/recorded_at"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"path": path, "old": 1, "new": 2}, FieldChange)


def test_a_fold_about_a_subject_says_when_it_has_begun() -> None:
    """Each names a field that is blank until then, or says by itself whether it has begun."""
    for fold in known_folds():
        if issubclass(fold, SubjectFold) and fold is not SubjectFold:
            own = fold.exists is not SubjectFold.exists
            assert own or fold.BEGUN in fold.__struct_fields__, fold
