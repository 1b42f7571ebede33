"""``GET /v1/event-types``: what every event type means, and the JSON Schema of each version."""

from __future__ import annotations

from functools import cache, partial
from hashlib import sha256
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.contract.schemas import (
    Step,
    TaggedField,
    body_schema,
    legal_source,
    steps,
    tagged_fields,
)
from api.contract.titles import Titles, paragraphs, term, titles
from api.http.asking import asked
from api.http.languages import language_of
from api.http.problems import not_found
from api.http.reading import conditional
from api.http.resources import Resource
from ledger.kernel import Event, Visibility
from ledger.kernel.events import event_types

#: The answer depends on the language alone, and changes only with the program.
_VARY = "Authorization, Accept, Accept-Language"


class EventType(msgspec.Struct, frozen=True):
    """An event type: what it records, who sees it, which subjects it tags, where its schemas are.

    ``visibility`` is that of the type; ``visibility_depends_on`` says what else decides, if the
    event itself decides. ``correctable`` are the fields that a correction may change, in addition
    to `occurred_at`. ``legal_source`` is the law that the description names. ``schemas`` are the
    addresses of the JSON Schemas of all versions, the newest one last.
    """

    type: str
    system: str
    title: str
    titles: Titles
    description: str
    visibility: Visibility
    visibility_depends_on: str | None
    version: int
    tags: tuple[TaggedField, ...]
    correctable: tuple[str, ...]
    legal_source: tuple[str, ...]
    schemas: tuple[str, ...]


class EventTypes(msgspec.Struct, frozen=True):
    """Every event type, by its name."""

    items: tuple[EventType, ...]


class EventSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON Schema of the body of an event: the `data` of the feed, the `body` of an event.

    ``x_read_as`` is the version as which this program reads such a body; ``x_steps`` say how.
    ``examples`` has one example, in which every field is set.
    """

    dialect: str = msgspec.field(name="$schema")
    id: str = msgspec.field(name="$id")
    title: str
    x_title_zh: str = msgspec.field(name="x-title-zh")
    x_title_en: str = msgspec.field(name="x-title-en")
    description: str
    x_event_type: str = msgspec.field(name="x-event-type")
    x_version: int = msgspec.field(name="x-version")
    x_read_as: int = msgspec.field(name="x-read-as")
    x_steps: tuple[Step, ...] = msgspec.field(name="x-steps")
    x_visibility: Visibility = msgspec.field(name="x-visibility")
    x_tags: tuple[TaggedField, ...] = msgspec.field(name="x-tags")
    x_legal_source: tuple[str, ...] = msgspec.field(name="x-legal-source")
    type: str
    properties: dict[str, Any]
    required: tuple[str, ...]
    additional_properties: bool = msgspec.field(name="additionalProperties")
    examples: tuple[dict[str, Any], ...]
    defs: dict[str, Any] = msgspec.field(name="$defs")


def schema_path(topic: str, version: int) -> str:
    """Return where the schema of a version of an event type is."""
    return f"/v1/event-types/{topic}/v{version}"


def described(cls: type[Event], language: str) -> EventType:
    """Return what an event type is, for a reader of a language."""
    shown = titles(cls.TOPIC, "titles")
    decides = cls.visibility is not Event.visibility
    return EventType(
        type=cls.TOPIC,
        system=cls.TOPIC.partition(".")[0],
        title=shown[language],
        titles=shown,
        description=paragraphs(term(cls)[1]),
        visibility=cls.VISIBILITY,
        visibility_depends_on=paragraphs(cls.visibility.__doc__ or "") if decides else None,
        version=cls.VERSION,
        tags=tagged_fields(cls),
        correctable=tuple(sorted(cls.CORRECTABLE)),
        legal_source=legal_source(cls),
        schemas=tuple(schema_path(cls.TOPIC, number + 1) for number in range(cls.VERSION)),
    )


@cache
def _all(language: str) -> bytes:
    types = (described(cls, language) for _, cls in sorted(event_types().items()))
    return msgspec.json.encode(EventTypes(tuple(types)))


@cache
def _one(cls: type[Event], language: str) -> bytes:
    return msgspec.json.encode(described(cls, language))


@cache
def _schema(cls: type[Event], version: int, language: str) -> bytes:
    body = body_schema(cls, version, language)
    return msgspec.json.encode(
        EventSchema(
            dialect="https://json-schema.org/draft/2020-12/schema",
            id=schema_path(cls.TOPIC, version),
            title=body["title"],
            x_title_zh=body["x-title-zh"],
            x_title_en=body["x-title-en"],
            description=body["description"],
            x_event_type=cls.TOPIC,
            x_version=version,
            x_read_as=cls.VERSION,
            x_steps=steps(cls, version),
            x_visibility=cls.VISIBILITY,
            x_tags=tagged_fields(cls),
            x_legal_source=legal_source(cls),
            type="object",
            properties=body["properties"],
            required=tuple(body["required"]),
            additional_properties=body["additionalProperties"],
            examples=tuple(body["examples"]),
            defs=body["$defs"],
        )
    )


def unchanging(request: web.Request, body: bytes, language: str) -> web.Response:
    """Return a document in a language that only a new version of the program changes."""
    headers = {hdrs.VARY: _VARY, hdrs.CONTENT_LANGUAGE: language}
    return conditional(request, sha256(body).hexdigest()[:16], lambda: body, headers=headers)


def _named(request: web.Request) -> type[Event]:
    cls = event_types().get(request.match_info["type"])
    if cls is None:
        raise not_found()
    return cls


async def all_event_types(request: web.Request) -> web.Response:
    """List every event type: title, description, visibility, tags, and where its schemas are."""
    language = language_of(request)
    return unchanging(request, await asked(partial(_all, language)), language)


async def one_event_type(request: web.Request) -> web.Response:
    """One event type: title, description, visibility, tags, and where its schemas are."""
    cls, language = _named(request), language_of(request)
    return unchanging(request, await asked(partial(_one, cls, language)), language)


async def event_schema(request: web.Request) -> web.Response:
    """The JSON Schema of the body of an event type in one version.

    The feed's `dataschema` is its address. Titles of fields and values are in both languages.
    """
    cls, language = _named(request), language_of(request)
    given = request.match_info["version"]
    if given not in {f"v{number + 1}" for number in range(cls.VERSION)}:
        raise not_found()
    body = await asked(partial(_schema, cls, int(given[1:]), language))
    return unchanging(request, body, language)


RESOURCES = (
    Resource("/v1/event-types", all_event_types, returns=EventTypes, conditional=True, worded=True),
    Resource(
        "/v1/event-types/{type}", one_event_type, returns=EventType, conditional=True, worded=True
    ),
    Resource(
        "/v1/event-types/{type}/{version}",
        event_schema,
        returns=EventSchema,
        conditional=True,
        worded=True,
    ),
)
