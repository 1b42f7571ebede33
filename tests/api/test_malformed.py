"""What a bad body costs: in proportion to its length, whatever stands in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from api.feed.negotiation import negotiated
from api.http.malformed import MAX_ITEMS, decoded
from api.http.problems import Problem
from api.http.reading import _held
from ledger.kernel import Command
from ledger.registry import COMMANDS


class Anything(msgspec.Struct, forbid_unknown_fields=True):
    """A body whose fields hold whatever somebody sends."""

    given: Any = None
    names: tuple[str, ...] = ()
    checked: str = ""

    def __post_init__(self) -> None:
        if self.checked.startswith("bad"):
            raise ValueError(f"checked: {self.checked} is not allowed")


DECODER = msgspec.json.Decoder(Anything)

#: Bodies of some ``n`` bytes, each made to be the worst for something that reads bodies.
BODIES: dict[str, Callable[[int], bytes]] = {
    "all keys differ but the last two": lambda n: (
        b'{"given":{%b,"z":1,"z":2}}' % b",".join(b'"a%d":1' % i for i in range(n // 8))
    ),
    "objects that share their keys": lambda n: (
        b'{"given":[%b]}' % b",".join(b'{"a":1,"b":2}' for _ in range(n // 14))
    ),
    "many values below a long key": lambda n: (
        b'{"given":{"%b":[%b]}}' % (b"k" * (n // 2), b",".join(b"1" for _ in range(n // 4)))
    ),
    "many values below long nested keys": lambda n: (
        b'{"given":%b[%b]%b}'
        % (
            (b'{"%b":' % (b"k" * (n // 80))) * 40,
            b",".join(b"1" for _ in range(n // 4)),
            b"}" * 40,
        )
    ),
    "a long number at the end": lambda n: (
        b'{"given":[%b,%d]}' % (b",".join(b'"\\u0041"' for _ in range(n // 9)), 2**63)
    ),
    "many escapes": lambda n: b'{"given":"%b"}' % (b"\\u0041" * (n // 6)),
    "many quotes within a text": lambda n: b'{"given":"%b"}' % (b'\\"' * (n // 2)),
    "a refusal that tells places": lambda n: b'{"checked":"bad%b"}' % (b" - at `$" * (n // 8)),
    "a refusal that tells fields": lambda n: (
        b'{"checked":"bad%b"}' % (b"unknown field `" * (n // 15))
    ),
    "an unknown field with a long name": lambda n: b'{"%b":1}' % (b" - at `$.a" * (n // 10)),
    "a text where an entry is wrong": lambda n: (
        b'{"names":[%b,1]}' % b",".join(b'"a"' for _ in range(n // 4))
    ),
    "many names": lambda n: b'{"names":[%b]}' % b",".join(b'"%d"' % i for i in range(n // 8)),
    "deep nesting": lambda n: b'{"given":' + b"[" * (n // 2) + b"]" * (n // 2) + b"}",
    "no JSON": lambda n: b"[" * n,
    "spaces": lambda n: b'{"given":%b1}' % (b" " * n),
}

HEADERS: dict[str, Callable[[int], Any]] = {
    "Accept with many ranges": lambda n: negotiated("text/html;q=0.1," * (n // 16) + "*/*"),
    "Accept with many parameters": lambda n: negotiated("*/*" + ";a=b" * (n // 4)),
    "If-None-Match with many tags": lambda n: _held('"a", ' * (n // 5), '"b"'),
    "If-None-Match with commas": lambda n: _held("," * n, '"b"'),
}


def cost(work: Callable[[], Any]) -> float:
    """CPU seconds of one call, whether it is refused or not."""
    began = time.thread_time()
    told = ""
    try:
        work()
    except Problem as problem:
        told = problem.detail
    taken = time.thread_time() - began
    assert len(told) < 3_000, "what is told back is short, whatever was sent"
    return taken


def require_linear(work: Callable[[int], Callable[[], Any]], n: int) -> None:
    """Require that four times as much costs some four times, and not sixteen."""
    small, large = work(n), work(4 * n)
    for _ in range(5):
        # A machine with other work to do is slow at times; what is quadratic always is.
        if cost(large) < 8 * max(cost(small), 1e-4):
            return
    pytest.fail(f"n = {n}: {cost(small):.4f} s, 4n: {cost(large):.4f} s")


@pytest.mark.parametrize("name", BODIES)
def test_a_body_costs_what_it_weighs(name: str) -> None:
    """Four times the bytes cost about four times, for whichever shape of body."""

    def work(n: int) -> Callable[[], Any]:
        body = BODIES[name](n)
        return lambda: decoded(body, DECODER)

    require_linear(work, 60_000)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_costs_what_it_weighs(name: str) -> None:
    """So do headers that hold lists."""
    require_linear(lambda n: lambda: HEADERS[name](n), 60_000)


def test_the_key_that_stands_twice_is_named() -> None:
    """The first key to come again is the one that is told."""
    with pytest.raises(Problem, match="'b' occurs twice"):
        decoded(b'{"given":{"a":1,"b":2,"c":3,"b":4,"a":5}}', DECODER)


def test_the_place_of_a_long_number_is_told() -> None:
    """As a JSON pointer, however deep it lies."""
    body = b'{"given":{"a/b":[1,{"c~d":%d}]}}' % -(2**63 + 1)
    with pytest.raises(Problem) as refused:
        decoded(body, DECODER)
    assert refused.value.pointer == "/given/a~1b/1/c~0d"


def test_what_was_sent_is_not_taken_for_the_place() -> None:
    """A message ends with the place that the decoder names, and not with one that was sent."""
    with pytest.raises(Problem) as refused:
        decoded(b'{"given":1,"names":[" - at `$.given`",2]}', DECODER)
    assert refused.value.pointer == "/names/1"


def test_a_list_has_an_end() -> None:
    """A list that no command needs is refused before anybody looks its entries up."""
    names = ",".join(f'"{n}"' for n in range(MAX_ITEMS))
    assert len(decoded(b'{"names":[%b]}' % names.encode(), DECODER).names) == MAX_ITEMS
    with pytest.raises(Problem, match=f"at most {MAX_ITEMS} entries") as refused:
        decoded(b'{"names":["more",%b]}' % names.encode(), DECODER)
    assert refused.value.pointer == "/names"


def longest(command: type[Command]) -> int:
    """The length of the longest list that a command's types allow."""
    found = [MAX_ITEMS]

    def look(info: msgspec.inspect.Type) -> None:
        for part in getattr(info, "types", [info]):
            if isinstance(part, msgspec.inspect.Metadata):
                look(part.type)
            elif isinstance(part, msgspec.inspect.VarTupleType):
                found.append(part.max_length or MAX_ITEMS)
                look(part.item_type)
            elif isinstance(part, msgspec.inspect.StructType):
                for field in part.fields:
                    look(field.type)

    look(msgspec.inspect.type_info(command))
    return max(found)


def test_no_command_takes_endless_lists() -> None:
    """Of every command the longest list is known; only rosters and lists of
    case files have more than a thousand lines."""
    long = {entry.name for entry in COMMANDS if longest(entry.command) > MAX_ITEMS}
    assert long == {"announce-review", "freeze-entity-roster", "open-self-review"}
