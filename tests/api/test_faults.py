"""Every fault of a body is told at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.faults import MAX_FAULTS, all_faults
from api.http.malformed import decoded
from api.http.problems import Problem
from ledger.kernel.messages import InvalidValue, message
from ledger.kernel.subjects import FIELD_FAULT
from ledger.registry import COMMANDS


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """An entry of a list, which checks itself."""

    first: int
    last: int = 9

    def __post_init__(self) -> None:
        if self.last < self.first:
            fault = message("http.must-be-as-described", described="not before first")
            raise InvalidValue(FIELD_FAULT, field="last", fault=fault)


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A body with what bodies of commands are made of."""

    name: str
    day: Any = None
    lines: tuple[Line, ...] = ()
    line: Line | None = None
    marks: tuple[int, ...] = ()


def told(value: Any) -> list[tuple[str | None, str]]:
    """Return the faults that the answer lists."""
    with pytest.raises(Problem) as caught:
        decoded(msgspec.json.encode(value), msgspec.json.Decoder(Body))
    problem = caught.value
    errors = [(fault.pointer, fault.detail) for fault in problem.faults]
    assert (problem.pointer, problem.detail) == errors[0]
    return errors


def faults_of(body: bytes, type_: Any) -> list[str]:
    """Return the words of all faults."""
    return [str(fault) for fault in all_faults(body, type_)]


def test_every_fault_is_told_in_the_order_of_the_body() -> None:
    """Unknown fields, wrong types, entries of lists, what a struct checks, what is missing."""
    faults = told(
        {
            "marks": [1, "2", None],
            "colour": "red",
            "lines": [{"first": 1}, {"first": "1", "lst": 2}, {"first": 5, "last": 4}],
            "line": {"last": 1},
        }
    )
    assert [pointer for pointer, _ in faults] == [
        "/marks/1",
        "/marks/2",
        "/colour",
        "/lines/1/first",
        "/lines/1/lst",
        "/lines/2/last",
        "/line/first",
        "/name",
    ]
    assert "not before first" in faults[5][1]


def test_a_body_that_is_no_object_has_one_fault() -> None:
    """Nothing inside it can be checked."""
    assert told([1, 2]) == [("", "Expected `object`, got `array`")]


def test_the_list_of_faults_ends() -> None:
    """A body of nothing but faults does not get an answer of its own length."""
    assert len(told({"name": "n", "marks": ["x"] * 5_000})) == MAX_FAULTS


#: Values that break a field in many ways, or fit it.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "first", "last", "lines", "line", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
BODIES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("name", "day", "lines", "line", "marks", "other"), VALUES),
)


def rejection(body: bytes) -> str | None:
    """Return the fault at which the decoder stops."""
    try:
        msgspec.json.decode(body, type=Body)
    except msgspec.ValidationError as error:
        return str(error)
    return None


@given(BODIES)
def test_faults_are_found_where_the_decoder_rejects(value: dict[str, Any]) -> None:
    """No fault in what the decoder accepts; in what it rejects, its own fault is one of them."""
    body = msgspec.json.encode(value)
    assert (faults_of(body, Body) == []) == (rejection(body) is None)
    assert rejection(body) in (None, *faults_of(body, Body))


def about(name: str) -> Callable[[str], bool]:
    """Return whether a fault is in a field of the body, or is that it is missing or unknown."""
    place = re.compile(rf"`(?:\$\.)?{name}[`.\[]")
    return lambda fault: place.search(fault) is not None


@given(BODIES, st.randoms(use_true_random=False))
def test_mending_one_fault_leaves_the_others(value: dict[str, Any], random: Any) -> None:
    """Each fault stands by itself: without its field, the other fields' faults are the same."""
    body = msgspec.json.encode(value)
    faults = faults_of(body, Body)
    named = [name for name in value if any(map(about(name), faults))]
    if not named:
        return
    gone = random.choice(named)
    rest = {name: entry for name, entry in value.items() if name != gone}
    after = faults_of(msgspec.json.encode(rest), Body)
    of_it = about(gone)
    assert [f for f in after if not of_it(f)] == [f for f in faults if not of_it(f)]


@pytest.mark.parametrize("command", [entry.command for entry in COMMANDS], ids=lambda c: c.__name__)
def test_each_command_tells_all_that_is_missing(command: type[msgspec.Struct]) -> None:
    """An empty body is told every required field, and a wrong type for each field at once."""
    fields = msgspec.structs.fields(command)
    required = {f"Object missing required field `{f.encode_name}`" for f in fields if f.required}
    assert set(faults_of(b"{}", command)) >= required
    wrong = msgspec.json.encode({f.encode_name: [[[]]] for f in fields})
    faults = faults_of(wrong, command)
    for field in fields:
        told = any(about(field.encode_name)(fault) for fault in faults)
        assert told == (field.type is not Any), field.encode_name


WRONG: dict[str, Callable[[], bytes]] = {
    "no JSON": lambda: b"{",
    "not UTF-8": lambda: b'{"name":"\xff"}',
    "too deep": lambda: b"[" * 100_000,
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_body_that_is_no_json_has_no_faults_inside(body: Callable[[], bytes]) -> None:
    """The decoder's own message says all."""
    assert faults_of(body(), Body) == []
