"""Whether answers are what their resources declare: every field described, none beyond that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator

from api.http.resources import Resource


def types_of(resource: Resource) -> tuple[Any, ...]:
    """The types of which an answer of this resource is one."""
    return tuple(t for t in (resource.returns, resource.otherwise) if t is not None)


@cache
def _routes() -> tuple[tuple[re.Pattern[str], Resource], ...]:
    """The resources by their paths, those with words before those with parameters."""
    from tests.sequences.asking import RESOURCES  # which imports this module

    ordered = sorted(RESOURCES, key=lambda resource: resource.path.count("{"))
    place = re.compile(r"\{\w+(?::([^}]*))?\}")
    return tuple(
        (re.compile(place.sub(lambda match: match[1] or "[^/]+", resource.path)), resource)
        for resource in ordered
    )


def faults_at(path: str, body: bytes) -> Sequence[str]:
    """Where the answer at an address differs from what its resource declares."""
    (resource, *_) = (r for route, r in _routes() if route.fullmatch(path))
    return faults(resource, body)


def title_of(declared: Any) -> str | None:
    """The title of the schema of a type, or of its items; ``None`` if it is bare data."""
    (schema,), parts = msgspec.json.schema_components([declared], ref_template="{name}")
    name = schema.get("items", schema).get("$ref")
    return None if name is None or "properties" not in parts[name] else name


@cache
def _validator(declared: Any) -> Draft202012Validator:
    (schema,), parts = msgspec.json.schema_components([declared], ref_template="#/$defs/{name}")
    for part in parts.values():
        if "properties" in part:
            part["additionalProperties"] = False
    return Draft202012Validator({**schema, "$defs": parts})


def faults(resource: Resource, body: bytes) -> Sequence[str]:
    """Where an answer differs from each of the types that its resource declares."""
    answer = msgspec.json.decode(body)
    told: list[str] = []
    for declared in types_of(resource):
        errors = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
            for error in _validator(declared).iter_errors(answer)
        ]
        if not errors:
            return ()
        told += errors
    return told
