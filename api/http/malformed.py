"""Turn a decoder's message about a bad body into a problem: where the fault is, what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from api.http.examples import example
from api.http.faults import all_faults
from api.http.problems import Problem
from ledger.general.countersigning import FORMER_FIELDS, Countersigned
from ledger.kernel.messages import (
    InvalidValue,
    Message,
    declare_form,
    message,
    say,
    title,
)
from ledger.kernel.subjects import FIELD_FAULT

_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")

#: How deeply a body may be nested, so that every reader of the ledger can read the record.
MAX_DEPTH = 64

#: The most entries of a list whose type sets no limit.
MAX_ITEMS = 1_000

#: The most characters of a sender's text that an answer repeats.
MAX_TOLD = 1_000

#: A gap between two texts with fewer characters cannot hold a number beyond 64 bits.
_SHORT = 19

_PATTERN = "Expected `str` matching regex"
_MOMENT = "http.allowed-moment"
_HINTS = {
    # The longer pattern comes first: the message for a day is a prefix of the one for a moment.
    "Invalid RFC3339 encoded datetime": _MOMENT,
    "Expected `datetime` with a timezone component": _MOMENT,
    "Invalid RFC3339 encoded date": "http.allowed-day",
    r"Expected `str` matching regex '\\S'": "http.allowed-text",
}


def decoded(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return the value that ``body`` encodes; raise a ``malformed`` problem with the reason."""
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _rejected(body, error, decoder.type) from None
    except UnicodeDecodeError as error:
        raise Problem("malformed", message("http.body-must-be-utf-8", start=error.start)) from None
    except msgspec.DecodeError as error:
        raise Problem(
            "malformed", message("http.body-must-be-one-json-object", error=str(error)), pointer=""
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Problem("malformed", told_by(error), pointer="") from None
    _refuse_ambiguous(body)
    if body.count(b",") >= MAX_ITEMS:
        kind: Any = decoder.type
        _refuse_long(value, _type_info(kind), [])
    return value


def _refuse_long(value: Any, info: inspect.Type, steps: list[str]) -> None:
    """Refuse a list that is longer than any command needs: each entry costs a lookup.

    The decoder has already checked lists whose type sets a limit.
    """
    inside: Iterable[tuple[Any, Any, inspect.Type]] = ()
    for part in _parts(info):
        if isinstance(part, inspect.StructType) and isinstance(value, part.cls):
            inside = [(f.encode_name, getattr(value, f.name), f.type) for f in part.fields]
        elif isinstance(part, inspect.VarTupleType) and isinstance(value, tuple):
            if part.max_length is None and len(value) > MAX_ITEMS:
                raise Problem(
                    "malformed",
                    message(
                        "http.list-must-most-entries", max_items=MAX_ITEMS, value_count=len(value)
                    ),
                    pointer="".join(f"/{escaped(step)}" for step in steps),
                )
            inside = [(index, entry, part.item_type) for index, entry in enumerate(value)]
    for step, inner, type_ in inside:
        if isinstance(inner, tuple | msgspec.Struct):
            _refuse_long(inner, type_, [*steps, str(step)])


def _refuse_ambiguous(body: bytes) -> None:
    """Refuse what JSON parsers treat differently: repeated keys, long numbers, deep nesting."""
    if b"\\" not in body and body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        # Without escapes, each quote begins or ends a text; between texts is structure. A text is
        # a key if a colon follows it. If no text repeats, no key does.
        parts = body.split(b'"')
        texts, between = parts[1::2], parts[::2]
        if max(map(len, between)) < _SHORT and (
            len(set(texts)) == len(texts) or not _repeats(texts, between)
        ):
            return
    # Common, because objects in a list share their keys; this way is slower but exact.
    try:
        value = json.loads(body, object_pairs_hook=_once)
    except RecursionError:
        raise _too_deep() from None
    fault = _fault(value, MAX_DEPTH)
    if fault is not None:
        raise Problem(
            "malformed",
            "http.whole-number-must-lie-between-9223372036854775808",
            pointer="".join(f"/{escaped(step)}" for step in reversed(fault)),
        )


def _repeats(texts: list[bytes], between: list[bytes]) -> bool:
    keys = [t for t, after in zip(texts, between[1:], strict=True) if after.lstrip()[:1] == b":"]
    return len(set(keys)) < len(keys)


def _too_deep() -> Problem:
    return Problem(
        "malformed",
        message("http.body-must-be-nested-most-levels-deep", max_depth=MAX_DEPTH),
        pointer="",
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Problem(
                    "malformed",
                    message("http.key-must-occur-once-object", name=shortened(name)),
                )
            seen.add(name)
    return members


def _fault(value: Any, depth: int) -> list[str] | None:
    """Return the steps to a number that is too long, innermost first; ``None`` if there is none.

    The pointer is built only for a faulty value: for every value it would cost too much time.
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


def _types(names: str, language: str) -> str:
    """Return the types of JSON that a decoder names; what may be left out need not be said."""
    parts = names.split(" | ")
    told = [part for part in parts if part != "null"] or parts
    return "/".join(title(part, language, "kinds") for part in told)


_BOUNDS = {">=": "http.bound-least", "<=": "http.bound-most", ">": "http.bound-above"}


def _bound(bound: str, language: str) -> str:
    """Return a bound as the decoder writes it, such as ``>= 1``, in words."""
    sign, _, limit = bound.partition(" ")
    return say(message(_BOUNDS.get(sign, "http.bound-below"), limit=limit), language)


#: ``{expected:types}`` and ``{bound:bound}`` in a text.
declare_form("types", _types)
declare_form("bound", _bound)


# Taking a type apart costs a hundred times what finding a fault in a value costs.
@cache
def _type_info(type_: Any) -> inspect.Type:
    return inspect.type_info(type_)


#: What msgspec says about a value, and the code of the message that says the same.
_DECODER_SAYS = tuple(
    (re.compile(pattern, re.DOTALL), code)
    for pattern, code in (
        (r"Object missing required field `(?P<field>[^`]*)`", "http.field-missing"),
        (r"Object contains unknown field `(?P<field>[^`]*)`", "http.field-unknown"),
        (r"Invalid enum value (?P<value>.*)", "http.value-not-listed"),
        (r"Invalid RFC3339 encoded (?P<type>\w+)", "http.time-invalid"),
        (r"Expected `datetime` with a timezone component", "http.offset-missing"),
        (r"Expected `(?P<expected>[^`]*)`, got `(?P<given>[^`]*)`", "http.other-type-expected"),
        (r"Expected `str` matching regex (?P<pattern>.*)", "http.pattern-expected"),
        (r"Expected `(?P<type>\w+)` of length >= 1", "http.must-not-be-empty"),
        (r"Expected `array` of length (?P<bound>[<>=]+ \d+)", "http.entries-expected"),
        (r"Expected `(?P<type>\w+)` of length (?P<bound>[<>=]+ \d+)", "http.length-expected"),
        (r"Expected `(?P<type>\w+)` (?P<bound>[<>]=? \S+)", "http.bound-expected"),
    )
)


def told_by(
    error: Exception, type_: Any = None, *, info: inspect.Type | None = None, fault: str = ""
) -> Message:
    """Return what an exception says about a value: the message it was raised with, if with one.

    ``type_`` or ``info``: the type of the value, from which it is said what is allowed. ``fault``:
    the part of the exception's text that is about the value, if not all of it.
    """
    for raised in (error, error.__cause__):
        if isinstance(raised, InvalidValue):
            return raised.message
    text = fault or str(error)
    if type_ is not None:
        info = _type_info(type_)
    if text.startswith(_PATTERN) and info is not None and (told := _form(info)) is not None:
        return told
    told = message("http.decoder-says", fault=shortened(text))
    for pattern, code in _DECODER_SAYS:
        match = pattern.fullmatch(text)
        if match is not None:
            parts = match.groupdict().items()
            told = message(code, **{name: shortened(part) for name, part in parts})
            break
    allowed = _allowed(text, info)
    return message("http.fault-allowed", fault=told, allowed=allowed) if allowed else told


def shortened(text: str) -> str:
    """Return a sender's text, cut to a length that may be repeated in an answer."""
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]} …"


def escaped(part: str) -> str:
    """Escape one reference token of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def _rejected(body: bytes, error: msgspec.ValidationError, type_: Any) -> Problem:
    """Return the problem for a body that the decoder rejected; ``errors`` lists all its faults."""
    problem = _invalid(error, type_)
    problem.faults = tuple(_invalid(fault, type_) for fault in all_faults(body, type_)) or (
        problem,
    )
    return problem


def _invalid(error: msgspec.ValidationError, type_: Any) -> Problem:
    words = str(error)
    # The message may quote what was sent, so only its last " - at" introduces the place.
    fault, separator, path = words.rpartition(" - at `")
    path = path.removeprefix("key` in `")
    if not separator or not (path.startswith("$") and path.endswith("`")):
        fault, path = words, "$`"
    path = path[:-1]
    steps = [name or index for name, index in _STEP.findall(path)]
    info = _walk(_type_info(type_), steps)
    field = _FIELD.search(fault)
    told = told_by(error, info=info, fault=fault)
    if field is not None:
        steps.append(field["name"])
        if field["name"] in FORMER_FIELDS and _countersigned(type_, steps):
            told = message("http.former-field-must-be-left-out", field=field["name"])
    elif told.code == FIELD_FAULT:
        steps.append(told.details["field"])
        told = told.details["fault"]
    return Problem("malformed", told, pointer="".join(f"/{escaped(step)}" for step in steps))


def _countersigned(type_: Any, steps: list[str]) -> bool:
    """Return whether ``steps`` lead to a field of a command that two people must sign."""
    return len(steps) == 1 and isinstance(type_, type) and issubclass(type_, Countersigned)


#: How the id of a business is described.
_ENTITY = "统一社会信用代码 (USCC), or <register>:<number> for a business without one"

#: In which form a text must be written, by the description of its type or by its pattern.
_FORMS = {
    "SHA-256, hex": "http.form-digest",
    _ENTITY: "http.form-entity",
    "统一社会信用代码 of a public body (GB 32100)": "http.form-body",
    "a random token that stands for a natural person": "http.form-person",
    "a token that stands for a person; never a name or number": "http.form-token",
    "text that is not blank": "http.form-text",
    "decimal, at most 4 places": "http.form-decimal",
    "industry by GB/T 4754": "http.form-industry",
    "a subject, `kind:id`": "http.form-subject",
    "a civil day, or a moment with its offset": "http.form-day-or-moment",
    "JSON pointer into the record: /occurred_at or /body/<field>…": "http.form-place",
    r"^[A-Za-z0-9][A-Za-z0-9._:/@#~+-]{0,119}(?![\s\S])": "http.form-id",
    r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$": "http.form-ratio",
}


def _allowed(fault: str, info: inspect.Type | None) -> Message | list[str]:
    for start, hint in _HINTS.items():
        if fault.startswith(start):
            return message(hint)
    if fault.startswith("Invalid enum value"):
        return [repr(v) for part in _parts(info) for v in getattr(part, "values", ())]
    if "unknown field" in fault:
        return _field_names(info)
    return []


def _form(info: inspect.Type) -> Message | None:
    """Return in which form a text with a pattern must be written, in words or by an example."""
    if isinstance(info, inspect.UnionType):
        return next((told for part in info.types if (told := _form(part)) is not None), None)
    described, shown = "", ""
    while isinstance(info, inspect.Metadata):
        schema = info.extra_json_schema or {}
        described = described or str(schema.get("description", ""))
        shown = shown or str(next(iter(schema.get("examples", ())), ""))
        info = info.type
    pattern = getattr(info, "pattern", None)
    if pattern is None:
        return None
    if (code := _FORMS.get(described) or _FORMS.get(pattern)) is not None:
        return message("http.must-be-as-described", described=message(code))
    if shown := shown or example({"type": "string", "pattern": pattern}, {}):
        return message("http.must-be-written-like", example=shown)
    return None


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
    """Return the type at ``steps`` below ``info``, or ``None`` if it cannot be determined."""
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
