"""Make example values from JSON Schemas, for the description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def example(schema: dict[str, Any], components: Mapping[str, Any]) -> Any:
    """Return an example value for ``schema``: required fields, and declared examples."""
    if "$ref" in schema:
        return example(components[schema["$ref"].rsplit("/", 1)[1]], components)
    if schema.get("examples"):
        return schema["examples"][0]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return example(schema[choice][0], components)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            properties = schema.get("properties", {})
            return {name: example(properties[name], components) for name in required}
        case "array":
            items = schema.get("items")
            return [example(items, components)] if isinstance(items, dict) and items else []
        case "string":
            return _EXAMPLES.get(schema.get("format", ""), _text(schema))
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
    return None


_EXAMPLES = {
    "date": "2026-10-20",
    "date-time": "2026-10-20T09:30:00+08:00",
    "uuid": "019a0000-0000-7000-8000-000000000000",
}


#: Example texts for fields with a pattern; the first that matches is shown.
_TEXTS = (
    "text",
    "A-1",
    "2026",
    "62",
    "0.5",
    "/body/note",
    "entity:91620100MA7LX0017J",
    "0" * 64,
    "0" * 16,
    "image/jpeg",
    "filing.inspection-concluded",
    "019a0000-0000-7000-8000-000000000000",
)


def _text(schema: dict[str, Any]) -> str:
    pattern, least = schema.get("pattern", ""), schema.get("minLength", 0)
    fitting = (t for t in _TEXTS if len(t) >= least and re.search(pattern, t))
    return next(fitting, "…")
