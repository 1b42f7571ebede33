"""A form for every command, made from the types of its fields.

A form is flat: the part ``article`` of the second entry of ``legal_basis`` is the input
``legal_basis.1.article``. An entry, or a part that is not needed, whose inputs are all empty is
left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal

import msgspec
from msgspec import inspect

from api.console.shown import civil

Input = Literal[
    "text",
    "long",
    "number",
    "amount",
    "date",
    "moment",
    "choice",
    "choices",
    "yes-no",
    "lines",
    "numbers",
    "group",
    "groups",
    "json",
]

#: Texts that may be longer than this are entered in several lines.
LONG = 300
#: Texts of a few words, whatever their type allows.
_SHORT = ("instrument", "article", "name", "notice_no", "doc_no", "url")
#: Groups within groups within groups are entered as JSON.
DEEPEST = 3
#: The most entries of a list that a form shows.
MOST_ROWS = 60
#: What may stand between numbers: 3, 6, 9 or 3、6、9.
_BETWEEN = r"[\s,，、;；]+"
#: The inputs of what a command needs even if it is empty.
_HOLDING = ("lines", "choices", "numbers", "group", "groups")
#: Nothing was typed.
_NOTHING: Any = object()
#: Fen in a yuan: amounts are recorded in fen and entered in yuan.
FEN = 100


class Field(msgspec.Struct, frozen=True):
    """One input, or a group of inputs: the field of the body, and how it is entered.

    ``kind``: that of the subjects that the field names, which can be looked up. ``inner``: the
    inputs of a group, or of each entry of ``groups``.
    """

    name: str
    input: Input
    required: bool
    choices: tuple[str, ...] = ()
    example: str = ""
    kind: str = ""
    inner: tuple[Field, ...] = ()

    def under(self, path: str) -> Field:
        """Return the field with the path of the group that it belongs to."""
        return msgspec.structs.replace(self, name=f"{path}.{self.name}")


class BadField(Exception):
    """What was typed into a field is not a value of its kind."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@cache
def fields_of(command: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Return the inputs of a command's form, the required ones first."""
    return _fields(command, 1)


def _fields(struct: type[Any], depth: int) -> tuple[Field, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    fields = [_field(f.encode_name, f.type, f.required, depth) for f in info.fields]
    return tuple(sorted(fields, key=lambda field: not field.required))


def field_of(name: str, type_: Any) -> Field:
    """Return the input for a value of a type, such as a parameter of a list."""
    return _field(name, inspect.type_info(type_), required=False, depth=1)


def _field(name: str, info: inspect.Type, required: bool, depth: int) -> Field:
    info, examples, kind = _plain(info)
    entered: Input = "json"
    choices: tuple[str, ...] = ()
    inner: tuple[Field, ...] = ()
    if isinstance(info, inspect.VarTupleType | inspect.ListType):
        item, examples, kind = _plain(info.item_type)
        entered, choices, inner = _several(item, depth)
    elif isinstance(info, inspect.LiteralType):
        entered, choices = "choice", tuple(map(str, info.values))
    elif isinstance(info, inspect.StructType):
        if depth < DEEPEST and not info.array_like:
            entered, inner = "group", _fields(info.cls, depth + 1)
    elif isinstance(info, inspect.StrType):
        most = info.max_length
        short = kind or info.pattern or name in _SHORT
        long = not short and (most is None or most > LONG)
        entered = "long" if long else "text"
    elif isinstance(info, inspect.IntType) and name.endswith("_fen"):
        entered = "amount"
    else:
        entered = _SIMPLE.get(type(info), "json")
    example = str(examples[0]) if examples else ""
    return Field(name, entered, required, choices, example, kind, inner)


_SIMPLE: Mapping[type[inspect.Type], Input] = {
    inspect.DecimalType: "text",  # as it is typed: a number would lose its last zeros
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.BoolType: "yes-no",
    inspect.DateType: "date",
    inspect.DateTimeType: "moment",
}


def _several(item: inspect.Type, depth: int) -> tuple[Input, tuple[str, ...], tuple[Field, ...]]:
    """Return how a list of items is entered, what may be chosen, and the inputs of an entry."""
    match item:
        case inspect.StrType() | inspect.DateType():
            return "lines", (), ()
        case inspect.IntType():
            return "numbers", (), ()
        case inspect.LiteralType():
            return "choices", tuple(map(str, item.values)), ()
        case inspect.StructType() if depth < DEEPEST and not item.array_like:
            return "groups", (), _fields(item.cls, depth + 1)
    return "json", (), ()


def _plain(info: inspect.Type) -> tuple[inspect.Type, list[Any], str]:
    """Return a type without null and descriptions, its examples, and the kind of its subjects."""
    examples: list[Any] = []
    kind = ""
    while True:
        if isinstance(info, inspect.Metadata):
            examples = examples or (info.extra_json_schema or {}).get("examples") or []
            kind = kind or (info.extra or {}).get("subject") or ""
            info = info.type
        elif isinstance(info, inspect.UnionType):
            rest = [one for one in info.types if not isinstance(one, inspect.NoneType)]
            if len(rest) != 1:
                return info, examples, kind
            info = rest[0]
        else:
            return info, examples, kind


def rows_of(field: Field, typed: Mapping[str, str], more: str = "") -> range:
    """Return the entries of a list that its form shows: those typed, and one more if asked for.

    ``more``: the list to which an entry is added.
    """
    numbers = _numbers(field.name, typed)
    shown = max(numbers, default=-1) + 1
    if more == field.name or (field.required and not shown):
        shown += 1
    return range(min(shown, MOST_ROWS))


def _numbers(path: str, typed: Mapping[str, str]) -> list[int]:
    """Return the numbers of the entries of a list in which something was typed."""
    start = f"{path}."
    parts = {
        name[len(start) :].partition(".")[0] for name, text in typed.items()
        if name.startswith(start) and text.strip()
    }  # fmt: skip
    return sorted(int(n) for n in parts if n.isascii() and n.isdigit() and int(n) < MOST_ROWS)


def body_of_form(command: type[msgspec.Struct], typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that a filled form stands for; a field left empty is left out.

    A list or group that the command needs is then empty.

    Raises ``BadField`` for a number or JSON value that is not one.
    """
    return _body(fields_of(command), "", typed)


def _body(fields: Iterable[Field], path: str, typed: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for field in fields:
        place = field.under(path) if path else field
        value = _given(place, typed)
        if value is _NOTHING and field.required and field.input in _HOLDING:
            value = {} if field.input == "group" else []
        if value is not _NOTHING:
            body[field.name] = value
    return body


def _given(field: Field, typed: Mapping[str, str]) -> Any:
    """Return what was typed for a field, or ``_NOTHING``."""
    match field.input:
        case "group":
            start = f"{field.name}."
            touched = any(name.startswith(start) and text.strip() for name, text in typed.items())
            return _body(field.inner, field.name, typed) if touched else _NOTHING
        case "groups":
            places = (f"{field.name}.{n}" for n in _numbers(field.name, typed))
            return [_body(field.inner, place, typed) for place in places] or _NOTHING
        case "lines" | "choices":
            lines = typed.get(field.name, "").splitlines()
            return [line.strip() for line in lines if line.strip()] or _NOTHING
    text = typed.get(field.name, "").strip()
    return _value(field, text) if text else _NOTHING


def _value(field: Field, text: str) -> Any:
    match field.input:
        case "number" | "json":
            return _parsed(field, text)
        case "amount":
            return _fen(field, text)
        case "numbers":
            return _parsed(field, f"[{','.join(re.split(_BETWEEN, text))}]")
        case "yes-no":
            return text == "true"
        case "moment":
            # Browsers send the civil time without its offset.
            return text if text[-6:-5] in "+-" or text.endswith("Z") else f"{text}:00+08:00"
        case _:
            return text


def _parsed(field: Field, text: str) -> Any:
    try:
        value = json.loads(text)
        # Half a surrogate pair, and nesting that nobody types, are JSON but cannot be sent.
        msgspec.json.encode(value)
    except (ValueError, OverflowError, RecursionError):
        raise BadField(field.name) from None
    return value


def _fen(field: Field, text: str) -> int:
    """Return an amount in yuan, with or without commas, in fen."""
    try:
        fen = Decimal(text.replace(",", "").replace("，", "").removeprefix("¥")) * FEN
        if fen != int(fen) or abs(fen) >= 2**63:
            raise BadField(field.name)
    except (InvalidOperation, ValueError, OverflowError):
        raise BadField(field.name) from None
    return int(fen)


def typed(command: type[msgspec.Struct], body: Mapping[str, Any]) -> dict[str, str]:
    """Return what a form shows for a body, as if it had been typed."""
    shown: dict[str, str] = {}
    _show(fields_of(command), "", body, shown)
    return shown


def _show(
    fields: Iterable[Field], path: str, body: Mapping[str, Any], shown: dict[str, str]
) -> None:
    for field in fields:
        value = body.get(field.name)
        if value is None:
            continue
        place = f"{path}.{field.name}" if path else field.name
        if field.input == "group" and isinstance(value, Mapping):
            _show(field.inner, place, value, shown)
        elif field.input == "groups" and isinstance(value, list):
            for number, entry in enumerate(value[:MOST_ROWS]):
                if isinstance(entry, Mapping):
                    _show(field.inner, f"{place}.{number}", entry, shown)
        else:
            shown[place] = _text(field, value)


def _text(field: Field, value: Any) -> str:
    """Return a value as it would be typed."""
    match field.input:
        case "numbers" if isinstance(value, list):
            return ", ".join(map(str, value))
        case "lines" | "choices" if isinstance(value, list):
            return "\n".join(map(str, value))
        case "json":
            return json.dumps(value, ensure_ascii=False, indent=1)
        case "amount" if isinstance(value, int):
            yuan, fen = divmod(value, FEN)
            return f"{yuan}.{fen:02}" if fen else str(yuan)
        case "yes-no":
            return "true" if value else "false"
        case "moment":
            return civil(str(value)).replace(" ", "T")
    return str(value)
