"""Serve ``GET /v1/openapi.json``, made from the tables and types that the service runs on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from hashlib import sha256
from inspect import cleandoc
from typing import Any

import msgspec
from aiohttp import web

from api.feed.events import ShownEvent
from api.http.asking import asked
from api.http.commands import DRY_RUN, Trial, path_of
from api.http.faults import MAX_FAULTS
from api.http.problems import KINDS
from api.http.reading import conditional
from api.http.resources import Operation, Parameter, Resource, Uploading
from ledger.general.countersigning import Countersigned
from ledger.registry import Entry

DESCRIPTION: web.AppKey[Callable[[], bytes]] = web.AppKey("description")

#: Problems that every request can get; operations list the others.
_ALWAYS = ("malformed", "unauthenticated", "internal")
_OF_COMMANDS = (
    "forbidden",
    "out-of-step",
    "timed-out",
    "too-large",
    "unsupported-media-type",
    "rule-refused",
    "too-many-requests",
    "unavailable",
)
_OF_UPLOADS = (
    "forbidden",
    "not-found",
    "out-of-step",
    "timed-out",
    "too-large",
    "unsupported-file",
    "too-many-requests",
    "unavailable",
    "out-of-room",
)
_REF = "#/components/schemas/{name}"
_PLACE = re.compile(r"\{(\w+)\}")


class Answer(msgspec.Struct, frozen=True):
    """What a command recorded. ``position`` is that of the last event, or the head if none.
    ``repeated``: this Idempotency-Key was used before, and these are its events.
    """

    position: int
    events: tuple[ShownEvent, ...]
    repeated: bool


def add_description(
    app: web.Application,
    commands: Sequence[Entry],
    resources: Sequence[Resource],
    operations: Sequence[Operation] = (),
    uploads: Sequence[Uploading] = (),
) -> None:
    """Make the description at its first request: that takes a third of a second."""
    description: Callable[[], bytes] = cache(
        lambda: msgspec.json.encode(describe(commands, resources, operations, uploads))
    )
    app[DESCRIPTION] = description


async def openapi(request: web.Request) -> web.Response:
    """Return this description as OpenAPI 3.1."""
    body = await asked(request.app[DESCRIPTION])
    return conditional(request, sha256(body).hexdigest()[:16], lambda: body)


def describe(
    commands: Sequence[Entry],
    resources: Iterable[Resource],
    operations: Sequence[Operation] = (),
    uploads: Sequence[Uploading] = (),
) -> dict[str, Any]:
    """Return the OpenAPI document of commands, resources, operators' commands and uploads."""
    listed = [r for r in resources if r.listed]
    returned = [t for r in listed for t in (r.returns, r.otherwise) if t is not None]
    parameters = [p.type for r in listed for p in (*r.query, *r.headers)]
    types = list(dict.fromkeys([*(e.command for e in commands), Answer, Trial, bool]))
    operated = [t for o in operations for t in (o.body, o.returns)]
    taken = [u.returns for u in uploads]
    every = [*types, *returned, *parameters, *operated, *taken]
    schemas, components = msgspec.json.schema_components(every, ref_template=_REF)
    for name, component in components.items():
        component["title"] = name  # types of different modules may have the same name
    schema_of = {_key(t): s for t, s in zip(every, schemas, strict=True)}
    components["Problem"] = _PROBLEM
    paths: dict[str, Any] = {}
    for entry in commands:
        paths[path_of(entry)] = {"post": _command(entry, schema_of, components)}
    for operation in operations:
        paths[operation.path] = {"post": _operation(operation, schema_of, components)}
    for uploading in uploads:
        paths[uploading.path] = {"post": _upload(uploading, schema_of)}
    for resource in listed:
        paths[_PLACE.sub(r"{\1}", resource.path)] = {"get": _get(resource, schema_of)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Supervision Ledger",
            "version": "1",
            "description": (
                "The record of the supervision of administrative enforcement. Commands record "
                "events; all reads are answered from the events. Every error is a problem "
                "document (RFC 9457); its type is listed under /problems."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(_groups(commands, listed))],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token belongs to a unit, a person and a role.",
                }
            },
            "responses": {name: _response(name) for name in KINDS},
            "parameters": _PARAMETERS,
            "headers": {
                "X-Request-Id": {
                    "description": "names this request in the log",
                    "schema": {"type": "string"},
                }
            },
        },
    }


def _groups(commands: Iterable[Entry], resources: Iterable[Resource]) -> Iterable[str]:
    yield from (entry.system for entry in commands)
    yield from (_group(resource) for resource in resources)


def _group(resource: Resource) -> str:
    parts = [p for p in resource.path.split("/") if p and p != "v1"]
    return resource.group or (parts[0] if parts else "pages")


def _command(entry: Entry, schema_of: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    text = cleandoc(entry.command.__doc__ or entry.name)
    recorded = "Recorded."
    if issubclass(entry.command, Countersigned):
        text += f"\n\n{entry.command.told()}"
        recorded = "Recorded: `approvals.approval-requested`, if a second person must approve."
    schema = schema_of[_key(entry.command)]
    public = "public" in entry.roles
    shown = {
        "application/json": {"schema": schema_of[_key(Answer)]},
    }
    told = {
        "application/json": {"schema": {"anyOf": [schema_of[_key(Answer)], schema_of[_key(Trial)]]}}
    }
    position = {
        "X-Position": {
            "description": "the position of the last recorded event; use it as at_least",
            "schema": {"type": "integer"},
        },
        "X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"},
    }
    return {
        "operationId": f"{entry.system}.{entry.name}",
        "tags": [entry.system],
        "summary": text.split("\n", 1)[0],
        "description": f"{text}\n\nRoles: {', '.join(sorted(entry.roles))}.",
        "security": [{"token": []}, *([{}] if public else [])],
        "parameters": [
            *({"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS),
            _parameter(DRY_RUN, schema_of),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": example(schema, components)}
            },
        },
        "responses": {
            "201": {
                "description": recorded,
                "headers": {
                    **position,
                    "Location": {
                        "description": "the first event recorded",
                        "schema": {"type": "string"},
                    },
                },
                "content": shown,
            },
            "200": {
                "description": "Recorded earlier with this Idempotency-Key, or nothing to record; "
                "or a dry run, which records nothing.",
                "headers": position,
                "content": told,
            },
            **_problems((*_ALWAYS, *_OF_COMMANDS)),
        },
    }


def _operation(
    operation: Operation, schema_of: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    text = cleandoc(operation.body.__doc__ or operation.name)
    schema = schema_of[_key(operation.body)]
    answer = {
        "description": "Done.",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {"application/json": {"schema": schema_of[_key(operation.returns)]}},
    }
    return {
        "operationId": f"{operation.group}.{operation.name}",
        "tags": [operation.group],
        "summary": text.split("\n", 1)[0],
        "description": f"{text}\n\nRoles: {operation.sent_by}.",
        "security": [{}] if operation.sent_by == "everybody" else [{"token": []}],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": example(schema, components)}
            },
        },
        "responses": {
            **{str(status): answer for status in operation.statuses},
            **_problems((*_ALWAYS, *_OF_COMMANDS, "not-found")),
        },
    }


def _upload(uploading: Uploading, schema_of: dict[Any, Any]) -> dict[str, Any]:
    text = cleandoc(uploading.handler.__doc__ or uploading.path)
    group = uploading.path.split("/")[2]
    return {
        "operationId": f"{group}.upload",
        "tags": [group],
        "summary": text.split("\n", 1)[0],
        "description": text,
        "security": [{"token": []}],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PLACE.findall(uploading.path)
        ],
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {}}}},
        "responses": {
            "201": {
                "description": "The file was stored.",
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                "content": {"application/json": {"schema": schema_of[_key(uploading.returns)]}},
            },
            **_problems((*_ALWAYS, *_OF_UPLOADS)),
        },
    }


def _get(resource: Resource, schema_of: dict[Any, Any]) -> dict[str, Any]:
    text = cleandoc(resource.handler.__doc__ or resource.name)
    types = [t for t in (resource.returns, resource.otherwise) if t is not None]
    schemas = [schema_of[_key(type_)] for type_ in types]
    schema = {"anyOf": schemas} if len(schemas) > 1 else (schemas or [{}])[0]
    problems = list(_ALWAYS)
    if "{" in resource.path:
        problems.append("not-found")
    if resource.roles is not None:
        problems.append("forbidden")
    if len(resource.media_types) > 1 and not resource.suffixes:
        problems.append("not-acceptable")
    if len(resource.media_types) > 1 or resource.path.startswith("/v1/"):
        problems.append("too-many-requests")
    if resource.path != "/readyz":
        # Too many requests of this kind at once, or making the answer takes too long.
        problems.append("unavailable")
    if any(p.name == "at_least" for p in resource.query):
        problems.append("too-early")
    responses: dict[str, Any] = {
        "200": {
            "description": "The answer.",
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
            "content": {
                media_type: {"schema": schema if media_type.endswith("json") else {}}
                for media_type in resource.media_types
            },
        }
    }
    if any(p.name == "at_least" for p in resource.query):
        responses["200"]["headers"]["X-View-Position"] = {
            "description": "the least position up to which the views read have followed the ledger",
            "schema": {"type": "integer"},
        }
    if resource.conditional:
        responses["304"] = {"description": "The caller's copy (If-None-Match) is current."}
    if resource.path == "/readyz":
        responses["503"] = {
            "description": "A part is not ready.",
            "content": {"application/json": {"schema": schema}},
        }
    responses.update(_problems(problems))
    return {
        "operationId": resource.name,
        "tags": [_group(resource)],
        "summary": text.split("\n", 1)[0],
        "description": text
        + (f"\n\nAlso with {' or '.join(resource.suffixes)}." if resource.suffixes else "")
        + (f"\n\nRoles: {', '.join(sorted(resource.roles))}." if resource.roles else ""),
        "security": [{"token": []}, *([{}] if resource.roles is None else [])],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _PLACE.findall(resource.path)
            ),
            *(_parameter(p, schema_of) for p in (*resource.query, *resource.headers)),
        ],
        "responses": responses,
    }


def _parameter(parameter: Parameter, schema_of: dict[Any, Any]) -> dict[str, Any]:
    schema = schema_of[_key(parameter.type)]
    if parameter.repeatable or parameter.joined:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": schema,
        **({"style": "form", "explode": False} if parameter.joined else {}),
    }


def _problems(names: Iterable[str]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for name in names:
        responses.setdefault(str(KINDS[name].status), {"$ref": f"#/components/responses/{name}"})
    return responses


def _response(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    return {
        "description": f"{kind.title('en')}. {kind.meaning('en')}",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": kind.uri,
                    "title": kind.title("en"),
                    "status": kind.status,
                    "detail": "…",
                    "instance": "/v1/…",
                    "request_id": "6f1c0a52d3b84e97",
                },
            }
        },
    }


def _key(type_: Any) -> Any:
    # Annotated types and unions compare by content but are not always hashable; their repr is.
    return type_ if isinstance(type_, type) else repr(type_)


_PROBLEM = {
    "title": "Problem",
    "description": "A problem document (RFC 9457). Its type determines its further members.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "enum": [kind.uri for kind in KINDS.values()]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "pointer": {
            "type": "string",
            "description": "JSON pointer (RFC 6901) to the fault in the body",
        },
        "errors": {
            "type": "array",
            "description": f"Every fault of the body, up to {MAX_FAULTS}; the first one is also "
            "told by `detail` and `pointer`.",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "rule_id": {"type": "string"},
        "code": {
            "type": "string",
            "description": "the code of the message, or of the reason that a rule gives",
        },
        "message": {"type": "string"},
        "legal_source": {"type": "string"},
        "policy_key": {"type": ["string", "null"]},
        "policy_version": {"type": ["integer", "null"]},
        "fix_hint": {"type": "string"},
        "details": {
            "type": "object",
            "description": "the values that the message names; a part of the message that has a "
            "code of its own is an object with `code`, `text` and `details`",
        },
    },
}

_PARAMETERS = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "1 to 255 printable ASCII characters. A request sent again with the same "
        "key is answered with the first result and records nothing.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    },
    "X-Correlation-Id": {
        "name": "X-Correlation-Id",
        "in": "header",
        "description": "A UUID that links related requests across systems.",
        "schema": {"type": "string", "format": "uuid"},
    },
}


def example(schema: dict[str, Any], components: dict[str, Any]) -> Any:
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


RESOURCES = (Resource("/v1/openapi.json", openapi, conditional=True, group="description"),)
