"""From what a decoder says of a bad body to what a person needs: where it is, what is allowed."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec import inspect

from api.problems import Problem

_AT = re.compile(r"^(?P<what>.*?) - at `(?:key` in `)?(?P<path>\$.*)`$", re.DOTALL)
_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_CHECK = re.compile(r"^(?P<name>\w+): ")

#: How deeply a body may be nested: what is recorded has to be readable by every reader.
MAX_DEPTH = 64

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
        raise Problem("malformed", str(error), pointer="") from None
    _refuse_ambiguous(body)
    return value


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
    _strict(value, "", MAX_DEPTH)


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
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem("malformed", f"The key {twice!r} stands twice in one object.")
    return found


def _strict(value: Any, pointer: str, depth: int) -> None:
    if depth < 0:
        raise _too_deep()
    if isinstance(value, dict):
        for key, inner in value.items():
            _strict(inner, f"{pointer}/{escaped(key)}", depth - 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _strict(inner, f"{pointer}/{index}", depth - 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Problem(
            "malformed",
            "A whole number lies between -9223372036854775808 and 9223372036854775807.",
            pointer=pointer,
        )


def escaped(part: str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def _invalid(message: str, type_: Any) -> Problem:
    found = _AT.match(message)
    what, path = (found["what"], found["path"]) if found else (message, "$")
    steps = [name or index for name, index in _STEP.findall(path)]
    info = _walk(inspect.type_info(type_), steps)
    field = _FIELD.search(what)
    check = _CHECK.match(what)
    if field is not None:
        steps.append(field["name"])
    elif check is not None and check["name"] in _field_names(info):
        steps.append(check["name"])
        what = what[check.end() :]
    if what.startswith(_PATTERN) and (described := _description(info)):
        # A pattern tells a person little; what the field holds is said in words.
        what = f"it must be {described}"
    allowed = _allowed(what, info)
    detail = f"{what}; allowed: {allowed}" if allowed else what
    return Problem("malformed", detail, pointer="".join(f"/{escaped(step)}" for step in steps))


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
