"""From what a decoder says of a bad body to what a person needs: where it is, what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

from api.http.problems import Problem
from ledger.general.countersigning import FORMER_FIELDS, Countersigned

_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_CHECK = re.compile(r"^(?P<name>\w+): ")

#: How deeply a body may be nested: what is recorded has to be readable by every reader.
MAX_DEPTH = 64

#: Entries of a list at most, where its type does not say how many it may have.
MAX_ITEMS = 1_000

#: Characters of what was sent that are told back at most.
MAX_TOLD = 1_000

#: Fewer characters than this between two texts cannot hold a number beyond 64 bits.
_SHORT = 19

_PATTERN = "Expected `str` matching regex"
_MOMENT = "an existing moment with its offset, as 2026-10-20T09:30:00+08:00"
_HINTS = {
    # The longer first: the message for a day begins the one for a moment.
    "Invalid RFC3339 encoded datetime": _MOMENT,
    "Expected `datetime` with a timezone component": _MOMENT,
    "Invalid RFC3339 encoded date": "a day that exists, as 2026-10-20",
    r"Expected `str` matching regex '\\S'": "text that is not blank",
}


def decoded(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """The value that ``body`` encodes. Raises a ``malformed`` problem that says what is wrong."""
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), decoder.type) from None
    except UnicodeDecodeError as error:
        raise Problem(
            "malformed", f"The body is not UTF-8: byte {error.start} of a string is invalid."
        ) from None
    except msgspec.DecodeError as error:
        raise Problem(
            "malformed", f"The body is not JSON: {error}. Send one JSON object.", pointer=""
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Problem("malformed", shortened(str(error)), pointer="") from None
    _refuse_ambiguous(body)
    if body.count(b",") >= MAX_ITEMS:
        _refuse_long(value, inspect.type_info(decoder.type), [])
    return value


def _refuse_long(value: Any, info: inspect.Type, steps: list[str]) -> None:
    """Refuse a list that is longer than any command needs: each entry is looked up on its own.

    Lists whose type says how long they may be were looked at when they were decoded.
    """
    inside: Iterable[tuple[Any, Any, inspect.Type]] = ()
    for part in _parts(info):
        if isinstance(part, inspect.StructType) and isinstance(value, part.cls):
            inside = [(f.encode_name, getattr(value, f.name), f.type) for f in part.fields]
        elif isinstance(part, inspect.VarTupleType) and isinstance(value, tuple):
            if part.max_length is None and len(value) > MAX_ITEMS:
                raise Problem(
                    "malformed",
                    f"This list must have at most {MAX_ITEMS} entries; it has {len(value)}.",
                    pointer="".join(f"/{escaped(step)}" for step in steps),
                )
            inside = [(index, one, part.item_type) for index, one in enumerate(value)]
    for step, inner, type_ in inside:
        if isinstance(inner, tuple | msgspec.Struct):
            _refuse_long(inner, type_, [*steps, str(step)])


def _refuse_ambiguous(body: bytes) -> None:
    """Refuse what readers of JSON disagree on: repeated keys, long numbers, deep nesting."""
    if b"\\" not in body and body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        # Without escapes every quote begins or ends a text: what stands between is structure, and
        # a text is a key if a colon follows. Nothing is wrong where no text comes twice.
        parts = body.split(b'"')
        texts, between = parts[1::2], parts[::2]
        if max(map(len, between)) < _SHORT and (
            len(set(texts)) == len(texts) or not _repeats(texts, between)
        ):
            return
    # Objects in a list share their keys, so this is common; it is only slower.
    try:
        value = json.loads(body, object_pairs_hook=_once)
    except RecursionError:
        raise _too_deep() from None
    fault = _fault(value, MAX_DEPTH)
    if fault is not None:
        raise Problem(
            "malformed",
            "A whole number lies between -9223372036854775808 and 9223372036854775807.",
            pointer="".join(f"/{escaped(step)}" for step in reversed(fault)),
        )


def _repeats(texts: list[bytes], between: list[bytes]) -> bool:
    keys = [t for t, after in zip(texts, between[1:], strict=True) if after.lstrip()[:1] == b":"]
    return len(set(keys)) < len(keys)


def _too_deep() -> Problem:
    return Problem(
        "malformed", f"The body is nested more than {MAX_DEPTH} levels deep.", pointer=""
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Problem(
                    "malformed", f"The key {shortened(name)!r} stands twice in one object."
                )
            seen.add(name)
    return found


def _fault(value: Any, depth: int) -> list[str] | None:
    """The steps to a number that is too long, innermost first; ``None`` where there is none.

    They are put together on the way back: a pointer for every value would cost keys times values.
    """
    if depth < 0:
        raise _too_deep()
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        return []
    for step, inner in inside:
        steps = _fault(inner, depth - 1)
        if steps is not None:
            return [*steps, str(step)]
    return None


def shortened(text: str) -> str:
    """A text that somebody sent, short enough to be told back."""
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]} …"


def escaped(part: str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def _invalid(message: str, type_: Any) -> Problem:
    # Whatever was sent may stand in the message, so what comes last is the place.
    what, found, path = message.rpartition(" - at `")
    path = path.removeprefix("key` in `")
    if not found or not (path.startswith("$") and path.endswith("`")):
        what, path = message, "$`"
    path = path[:-1]
    steps = [name or index for name, index in _STEP.findall(path)]
    info = _walk(inspect.type_info(type_), steps)
    field = _FIELD.search(what)
    check = _CHECK.match(what)
    if field is not None:
        steps.append(field["name"])
    elif check is not None and check["name"] in _field_names(info):
        steps.append(check["name"])
        what = what[check.end() :]
    if field is not None and field["name"] in FORMER_FIELDS and _countersigned(type_, steps):
        what = (
            f"`{field['name']}` must be left out: nobody names another person as having approved. "
            "Send it without; what is recorded is a request, which that person approves with "
            "POST /v1/approvals/approve-request"
        )
    elif what.startswith(_PATTERN) and (described := _description(info)):
        # A pattern tells a person little; what the field holds is said in words.
        what = f"it must be {described}"
    allowed = _allowed(what, info)
    detail = shortened(what) + (f"; allowed: {allowed}" if allowed else "")
    return Problem("malformed", detail, pointer="".join(f"/{escaped(step)}" for step in steps))


def _countersigned(type_: Any, steps: list[str]) -> bool:
    """Whether a field stands in the body of a command that two people sign."""
    return len(steps) == 1 and isinstance(type_, type) and issubclass(type_, Countersigned)


def _allowed(what: str, info: inspect.Type | None) -> str:
    for start, hint in _HINTS.items():
        if what.startswith(start):
            return hint
    if what.startswith("Invalid enum value"):
        return ", ".join(repr(v) for part in _parts(info) for v in getattr(part, "values", ()))
    if "unknown field" in what:
        return ", ".join(_field_names(info))
    return ""


def _description(info: inspect.Type | None) -> str:
    """What is said of a field's type in words, if anything is."""
    if isinstance(info, inspect.UnionType):
        return next((words for one in info.types if (words := _description(one))), "")
    if not isinstance(info, inspect.Metadata):
        return ""
    return str((info.extra_json_schema or {}).get("description", "")) or _description(info.type)


def _parts(info: inspect.Type | None) -> list[inspect.Type]:
    if isinstance(info, inspect.Metadata):
        return _parts(info.type)
    if isinstance(info, inspect.UnionType):
        return [part for inner in info.types for part in _parts(inner)]
    return [] if info is None else [info]


def _field_names(info: inspect.Type | None) -> list[str]:
    return [
        field.encode_name
        for part in _parts(info)
        if isinstance(part, inspect.StructType)
        for field in part.fields
    ]


def _walk(info: inspect.Type | None, steps: list[str]) -> inspect.Type | None:
    """The type that stands at ``steps`` below ``info``, if it can be told."""
    for step in steps:
        for part in _parts(info):
            if isinstance(part, inspect.StructType):
                info = next((f.type for f in part.fields if f.encode_name == step), None)
                break
            if isinstance(part, inspect.VarTupleType | inspect.ListType) and step.isdigit():
                info = part.item_type
                break
        else:
            return None
    return info
