"""Tags come from the types of fields; none can be forgotten or spelled otherwise."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
import pytest

from ledger.general.vocabulary import EntityId, UnitId
from ledger.kernel import Command, Value, subject
from ledger.kernel.subjects import Tag, doubts, subject_fields, tag_extractor
from tests.kernel.hall import GuestId, HallId, Heard, Party, PartyArrived, SeatTaken


def test_fields_give_tags_in_their_order() -> None:
    """Each field typed as a subject is a tag ``kind:id``; others are none."""
    assert SeatTaken(hall="H", guest="G", seat=1).tags() == ["hall:H", "guest:G"]
    assert Heard(words="hall:H").tags() == []


def test_nested_optional_and_repeated_subjects_give_tags() -> None:
    """Subjects inside tuples and structs are found, absent ones give nothing, repeats one tag."""
    event = PartyArrived(
        parties=(Party(hall="H", guests=("A", "B")), Party(guests=("A",))), host="B"
    )
    assert event.tags() == ["hall:H", "guest:A", "guest:B"]
    assert PartyArrived(parties=()).tags() == []


def test_a_field_of_tags_gives_them_as_they_are() -> None:
    """A tag carried as a value is taken whole."""

    class About(msgspec.Struct):
        subjects: tuple[Tag, ...]
        one: Tag | None = None

    assert list(tag_extractor(About)(About(("hall:H",), "guest:G"))) == ["hall:H", "guest:G"]
    assert subject_fields(About) == (("one", ""),)


@pytest.mark.parametrize(
    "type_",
    [dict[GuestId, int], dict[str, Party], list[GuestId], frozenset[GuestId], tuple[GuestId, int]],
)
def test_a_subject_where_it_would_give_no_tag_is_an_error(type_: Any) -> None:
    """A type whose subjects would be passed over is refused, not ignored."""
    struct = msgspec.defstruct("Hidden", [("hidden", type_)])
    with pytest.raises(TypeError, match="no tag"):
        tag_extractor(struct)


@pytest.mark.parametrize("name", ["", " H", "H ", "H\n", "\nH", "H" * 121])
def test_a_name_that_looks_like_another_is_refused(name: str) -> None:
    """No space or line end around a name, which nobody would see."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, HallId)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, UnitId)


def test_a_final_line_end_is_refused_in_tags() -> None:
    """``unit:MRB`` and the same with a line end are not two tags."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("unit:MRB\n", Tag)


class Nested(Value):
    visited: tuple[EntityId, ...]


class Visit(Command):
    entity: EntityId | None = None
    nested: Nested | None = None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"entity": "91990100MA7LX0017J"}, "entity"),
        ({"nested": {"visited": ["91620100MA7LX0017J", "91990100MA7LX0017J"]}}, "nested"),
    ],
)
def test_checks_run_when_a_command_comes_in(body: dict[str, Any], field: str) -> None:
    """A wrong division code is refused at the edge, wherever the id stands, naming the field."""
    with pytest.raises(msgspec.ValidationError, match=rf"{field}: .*division code"):
        msgspec.convert(body, Visit)


@pytest.mark.parametrize(
    "body",
    [
        {"entity": " 91620100ma7lx0017j\u3000"},
        {"nested": {"visited": ["91620100MA7LX0017J", "91620100ma7lx0017J "]}},
    ],
)
def test_ids_are_spelled_normally_wherever_they_stand(body: dict[str, Any]) -> None:
    """Small letters and blanks around a code are forgiven, at any depth."""
    given = msgspec.convert(body, Visit)
    found = [given.entity, *(given.nested.visited if given.nested else ())]
    assert {one for one in found if one is not None} == {"91620100MA7LX0017J"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"entity": "91620100MA7LX0071J"}, "entity"),
        ({"nested": {"visited": ["91620100MA7LX0017J", "91620100MA7LX0071J"]}}, "nested"),
        ({"entity": "321102197001014275"}, "entity"),
    ],
)
def test_a_doubtful_id_is_found_wherever_it_stands(body: dict[str, Any], field: str) -> None:
    """Whether the ledger knows the subject all the same is asked when the command is decided."""
    (found,) = doubts(msgspec.convert(body, Visit), date(2026, 11, 30))
    assert found[0] == field


def test_a_pattern_without_end_stays_open() -> None:
    """A declared pattern is changed at its end only, and only if it says so."""
    meta = subject("x", pattern="^a")
    assert msgspec.convert("ab\n", Annotated[str, meta]) == "ab\n"
