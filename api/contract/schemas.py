"""JSON Schemas of stored events, with the titles of their fields and values in both languages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from api.contract.titles import Titles, paragraphs, term, titles, value_titles
from api.http.examples import example
from ledger.kernel import Event
from ledger.kernel.rules import rules

_DEFS = "#/$defs/{name}"

#: A law, a regulation or a document of the State Council, with its article if one is named.
_LAW = re.compile(
    r"(?:《[^》]+》|[\u4e00-\u9fff]{2,}(?:(?<!违)法|条例|办法)(?![\u4e00-\u9fff])|国(?:办)?发〔\d{4}〕\d+号)"
    r"(?: Arts?\.? \d+(?:(?:-|, | and )\d+)*)?"
)
_RULE = re.compile(r"\b[A-Z]{3}-[A-Z]\d+\b")


class TaggedField(msgspec.Struct, frozen=True):
    """A field whose values tag the event with a kind of subject; ``*``: with a tag of any kind."""

    field: str
    kind: str


class Step(msgspec.Struct, frozen=True):
    """What the program does to a body of one version to read it as the next."""

    version: int
    read_as: int
    description: str


@cache
def body_schema(cls: type[Event], version: int, language: str) -> dict[str, Any]:
    """Return the JSON Schema of an event's body in one version, as a feed sends it.

    Titles are in ``language``, and in both languages under ``x-title-zh`` and ``x-title-en``. A
    body of an older version may have fields that were removed since; its schema allows them.
    """
    (reference,), parts = msgspec.json.schema_components([cls], ref_template=_DEFS)
    for name, part in parts.items():
        _entitle(part, name, language)
    own = reference["$ref"].rpartition("/")[2]
    body: dict[str, Any] = parts.pop(own)
    if version < cls.VERSION:
        body["additionalProperties"] = True
        added = _added(cls, version)
        body["required"] = [name for name in body["required"] if name not in added]
    sample = {name: _sample(part, parts) for name, part in body["properties"].items()}
    return {
        **body,
        **shown_titles(titles(cls.TOPIC, "titles"), language),
        "description": paragraphs(term(cls)[1]),
        "examples": [sample],
        "$defs": parts,
    }


def _added(cls: type[Event], version: int) -> Collection[str]:
    """Return the fields that upcasting adds to a body of a version."""
    body: dict[str, Any] = {}
    for number in range(version, cls.VERSION):
        body = cls.UPCASTERS[number](body)
    return body.keys()


def shown_titles(shown: Titles, language: str) -> dict[str, str]:
    """Return the members of a schema that hold its titles."""
    return {"title": shown[language], "x-title-zh": shown.zh, "x-title-en": shown.en}


def _entitle(part: dict[str, Any], name: str, language: str) -> None:
    """Add titles to the fields of a struct, and to the values that they may have."""
    part["title"] = name
    if text := part.get("description"):
        part["description"] = paragraphs(text)
    for field, schema in part.get("properties", {}).items():
        schema.update(shown_titles(titles(field, "fields"), language))
        for choices in list(_enums(schema)):
            choices["x-enum-titles"] = {
                value: value_titles(value, field)
                for value in choices["enum"]
                if isinstance(value, str)
            }


def _enums(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield each list of values within the schema of a field."""
    if isinstance(schema, dict):
        if "enum" in schema:
            yield schema
        for key, inner in schema.items():
            if key != "x-enum-titles":
                yield from _enums(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _enums(inner)


def _sample(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    """Return an example value of a schema in which every field is set."""
    if "$ref" in schema:
        return _sample(parts[schema["$ref"].rpartition("/")[2]], parts)
    choices = schema.get("anyOf")
    if choices:
        return _sample(next(c for c in choices if c.get("type") != "null"), parts)
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: _sample(part, parts) for name, part in schema["properties"].items()}
        case "array" if schema.get("items"):
            return [_sample(schema["items"], parts)]
    return example(dict(schema), dict(parts))


def tagged_fields(cls: type[Event]) -> tuple[TaggedField, ...]:
    """Return which fields of an event tag it, and with which kinds of subject."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    found = ((field.encode_name, kind) for field in info.fields for kind in _kinds(field.type))
    return tuple(TaggedField(name, kind or "*") for name, kind in dict.fromkeys(found))


def _kinds(info: inspect.Type) -> Iterator[str]:
    """Yield the kinds of the subjects within a type."""
    match info:
        case inspect.Metadata():
            if info.extra and "subject" in info.extra:
                yield info.extra["subject"]
            else:
                yield from _kinds(info.type)
        case inspect.UnionType():
            for choice in info.types:
                yield from _kinds(choice)
        case inspect.VarTupleType():
            yield from _kinds(info.item_type)
        case inspect.StructType():
            for field in info.fields:
                yield from _kinds(field.type)


def steps(cls: type[Event], version: int) -> tuple[Step, ...]:
    """Return how a body of a version is read as the newest version, step by step."""
    return tuple(
        Step(number, number + 1, _step(cls.UPCASTERS[number]))
        for number in range(version, cls.VERSION)
    )


def _step(upcaster: Any) -> str:
    if upcaster is dict:
        return "The body is read unchanged; the fields added since have defaults."
    return paragraphs(upcaster.__doc__ or "")


def legal_source(cls: type[Event]) -> tuple[str, ...]:
    """Return the law that the description of an event names, itself or through its rules."""
    text = cls.__doc__ or ""
    known = rules()
    named = [known[rule].law for rule in _RULE.findall(text) if rule in known]
    return tuple(dict.fromkeys([*_LAW.findall(text), *named]))
