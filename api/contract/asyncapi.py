"""``GET /v1/asyncapi.json``: the feed as AsyncAPI 3.0, made from the table of event types."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import msgspec
from aiohttp import web

from api.contract.eventtypes import unchanging
from api.contract.schemas import body_schema, shown_titles
from api.contract.titles import paragraphs, term, titles
from api.feed.hub import FEED
from api.feed.negotiation import OFFERED
from api.feed.resource import HUB, CloudEvent
from api.feed.resource import RESOURCES as FEED_RESOURCES
from api.http.asking import asked
from api.http.languages import language_of
from api.http.resources import Resource
from ledger.kernel import Event
from ledger.kernel.events import event_types

_REF = "#/components/schemas/{name}"


async def asyncapi(request: web.Request) -> web.Response:
    """Return the description of the feed as AsyncAPI 3.0, with a message for each event type.

    Every version of a type is a message of its own, because the feed sends what was stored. Titles
    are in both languages.
    """
    language, source = language_of(request), request.app[HUB].source
    body = await asked(partial(_encoded, source, language))
    return unchanging(request, body, language)


@cache
def _encoded(source: str, language: str) -> bytes:
    return msgspec.json.encode(describe(source, language))


def describe(source: str, language: str) -> dict[str, Any]:
    """Return the AsyncAPI document of the feed with this CloudEvents source."""
    versions = [
        (cls, number + 1)
        for _, cls in sorted(event_types().items())
        for number in range(cls.VERSION)
    ]
    (envelope,), schemas = msgspec.json.schema_components([CloudEvent], ref_template=_REF)
    for cls, version in versions:
        schemas |= _schemas(cls, version, language)
    names = [_name(cls, version) for cls, version in versions]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Supervision Ledger: feed of events",
            "version": "1",
            "description": (
                "All recorded events that a token may see, in order of position, as CloudEvents "
                "1.0. The interface itself is described at /v1/openapi.json."
            ),
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
            "tags": [
                {
                    "name": system,
                    "description": titles(f"system:{system}", "titles")[language],
                }
                for system in sorted({_system(cls) for cls, _ in versions})
            ],
        },
        "defaultContentType": "application/json",
        **_servers(source),
        "channels": {
            "feed": {
                "address": FEED,
                "title": titles(FEED, "titles")[language],
                "description": "One address, several media types by `Accept`: "
                f"{', '.join(OFFERED)}. The subject of a message may be a filter.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
                "bindings": {"http": {}},
            }
        },
        "operations": {
            "sendEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/feed"},
                "title": titles(FEED, "titles")[language],
                "security": [{"$ref": "#/components/securitySchemes/token"}],
                "bindings": {
                    "http": {"method": "GET", "query": _query(), "bindingVersion": "0.3.0"}
                },
            }
        },
        "components": {
            "schemas": schemas,
            "messages": {
                _name(cls, version): _message(cls, version, envelope, language)
                for cls, version in versions
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token belongs to a unit, a person and a role. Without one "
                    "the feed has what is public.",
                }
            },
        },
    }


def _servers(source: str) -> dict[str, Any]:
    """Return where the feed is, if the service knows the address by which it is reached."""
    protocol, separator, rest = source.removesuffix(FEED).partition("://")
    if not separator:
        return {}
    host, _, path = rest.partition("/")
    server = {"host": host, "protocol": protocol, **({"pathname": f"/{path}"} if path else {})}
    return {"servers": {"ledger": server}}


def _query() -> dict[str, Any]:
    """Return the JSON Schema of the parameters of the feed."""
    (feed,) = FEED_RESOURCES
    properties = {}
    for parameter in feed.query:
        (schema,), _ = msgspec.json.schema_components([parameter.type], ref_template=_REF)
        if parameter.repeatable:
            schema = {"type": "array", "items": schema}
        properties[parameter.name] = {**schema, "description": parameter.description}
    return {"type": "object", "properties": properties}


def _system(cls: type[Event]) -> str:
    return cls.TOPIC.partition(".")[0]


def _name(cls: type[Event], version: int) -> str:
    return f"{cls.TOPIC}.v{version}"


def _schemas(cls: type[Event], version: int, language: str) -> dict[str, Any]:
    """Return the schemas of a body and of the structs within it, each under a name of its own."""
    body = dict(body_schema(cls, version, language))
    name = _name(cls, version)
    parts = {f"{name}.{part}": schema for part, schema in body.pop("$defs").items()}
    named: dict[str, Any] = _renamed({name: body, **parts}, f"{name}.")
    return named


def _renamed(schema: Any, prefix: str) -> Any:
    """Return a schema whose references lead to the components of this document."""
    if isinstance(schema, dict):
        return {
            key: f"#/components/schemas/{prefix}{value.removeprefix('#/$defs/')}"
            if key == "$ref" and isinstance(value, str)
            else _renamed(value, prefix)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_renamed(value, prefix) for value in schema]
    return schema


def _message(
    cls: type[Event], version: int, envelope: dict[str, Any], language: str
) -> dict[str, Any]:
    name = _name(cls, version)
    return {
        "name": cls.TOPIC,
        **shown_titles(titles(cls.TOPIC, "titles"), language),
        "summary": paragraphs(term(cls)[1]),
        "contentType": "application/json",
        "tags": [{"name": _system(cls)}],
        "payload": {
            "allOf": [
                envelope,
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": cls.TOPIC},
                        "schemaversion": {"const": version},
                        "data": {"$ref": _REF.format(name=name)},
                    },
                },
            ]
        },
    }


RESOURCES = (
    Resource("/v1/asyncapi.json", asyncapi, conditional=True, group="description", worded=True),
)
