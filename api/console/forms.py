"""A form for every command, made from the schema of its body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import msgspec

from api.console.shown import civil
from ledger.kernel import Command

Input = Literal["text", "number", "date", "moment", "choice", "yes-no", "lines", "json"]


class Field(msgspec.Struct, frozen=True):
    """One input: the field of the body, how it is entered, and what may be chosen."""

    name: str
    input: Input
    required: bool
    choices: tuple[str, ...] = ()
    example: str = ""


class BadField(Exception):
    """What was typed into a field is not a value of its kind."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@cache
def fields_of(command: type[Command]) -> tuple[Field, ...]:
    """Return the inputs of a command's form, the required ones first."""
    (whole,), parts = msgspec.json.schema_components([command], ref_template="{name}")
    body = parts[whole["$ref"]]
    required = set(body.get("required", ()))
    fields = [_field(name, s, parts, name in required) for name, s in body["properties"].items()]
    return tuple(sorted(fields, key=lambda field: not field.required))


def _field(name: str, schema: Mapping[str, Any], parts: Mapping[str, Any], needed: bool) -> Field:
    said = _resolved(schema, parts)
    examples = schema.get("examples") or said.get("examples") or ()
    example = str(examples[0]) if examples else ""
    kind, choices = input_of(said, parts)
    return Field(name, kind, needed, choices, example)


def input_of(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> tuple[Input, tuple[str, ...]]:
    """Return how a value of a schema is entered, and what may be chosen."""
    schema = _resolved(schema, parts)
    if "enum" in schema:
        return "choice", tuple(str(value) for value in schema["enum"] if value is not None)
    match schema.get("type"):
        case "string":
            form = schema.get("format", "")
            return ("date" if form == "date" else "moment" if form == "date-time" else "text"), ()
        case "integer" | "number":
            return "number", ()
        case "boolean":
            return "yes-no", ()
        case "array":
            inner = _resolved(schema.get("items") or {}, parts)
            if inner.get("type") == "string" and "enum" not in inner:
                return "lines", ()
    return "json", ()


def _resolved(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema says of values other than null."""
    if "$ref" in schema:
        return _resolved(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "anyOf" in schema:
        others = [one for one in schema["anyOf"] if one.get("type") != "null"]
        if len(others) == 1:
            return _resolved(others[0], parts)
    return schema


def body_of_form(command: type[Command], typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that a filled form stands for; a field left empty is left out.

    A list that the command needs is then empty.

    Raises ``BadField`` for a number or JSON value that is not one.
    """
    body: dict[str, Any] = {}
    for field in fields_of(command):
        text = typed.get(field.name, "").strip()
        if text or (field.required and field.input == "lines"):
            body[field.name] = _value(field, text)
    return body


def _value(field: Field, text: str) -> Any:
    match field.input:
        case "number":
            return _parsed(field, text)
        case "yes-no":
            return text == "true"
        case "moment":
            # Browsers send the civil time without its offset.
            return text if text[-6:-5] in "+-" or text.endswith("Z") else f"{text}:00+08:00"
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "json":
            return _parsed(field, text)
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


def typed(command: type[Command], body: Mapping[str, Any]) -> dict[str, str]:
    """Return what a form shows for a body, as if it had been typed."""
    shown: dict[str, str] = {}
    for field in fields_of(command):
        value = body.get(field.name)
        if value is None:
            continue
        match field.input:
            case "lines" if isinstance(value, list):
                shown[field.name] = "\n".join(map(str, value))
            case "json":
                shown[field.name] = json.dumps(value, ensure_ascii=False, indent=1)
            case "yes-no":
                shown[field.name] = "true" if value else "false"
            case "moment":
                shown[field.name] = civil(str(value)).replace(" ", "T")
            case _:
                shown[field.name] = str(value)
    return shown
