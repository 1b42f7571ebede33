"""Serve ``GET /v1/openapi.json``, made from the tables and types that the service runs on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from inspect import cleandoc
from typing import Any, Literal

import msgspec
from aiohttp import hdrs, web

from api.feed.events import ShownEvent
from api.http.asking import asked
from api.http.commands import DRY_RUN, Trial, path_of
from api.http.examples import example
from api.http.faults import MAX_FAULTS
from api.http.languages import language_of
from api.http.named import PLACES
from api.http.problems import KINDS, Kind
from api.http.reading import conditional, query_value
from api.http.resources import LIMITED, MAX_PARAMETERS, Operation, Parameter, Resource, Uploading
from api.http.sheets import CSV, MAX_ROWS, PDF
from ledger.general.countersigning import Countersigned
from ledger.kernel.messages import LANGUAGES, title
from ledger.registry import Entry

DESCRIPTION: web.AppKey[Callable[[str], bytes]] = web.AppKey("description")

#: The languages of the summaries.
Language = Literal["zh", "en"]

#: Problems that every request can get; operations list the others. The response ``default`` stands
#: for those that come before a handler sees the request.
_ALWAYS = ("malformed", "unauthenticated", "internal")
_OF_COMMANDS = (
    "forbidden",
    "out-of-step",
    "timed-out",
    "too-large",
    "unsupported-media-type",
    "rule-refused",
    "unknown-reference",
    "key-reused",
    "too-many-requests",
    "unavailable",
    "unfinished",
    "outcome-unknown",
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
#: What a schema of an object with declared members has.
_OPEN = {"properties", "additionalProperties", "propertyNames"}
_REF = "#/components/schemas/{name}"
_PLACE = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


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

    def make(language: str) -> bytes:
        document = describe(commands, resources, operations, uploads, language=language)
        return msgspec.json.encode(document)

    description: Callable[[str], bytes] = cache(make)
    app[DESCRIPTION] = description


async def openapi(request: web.Request) -> web.Response:
    """Return this description as OpenAPI 3.1.

    The summaries are in Chinese or English; each operation has the Chinese one as `x-summary-zh`
    too. All names, and the other texts, are the same in both.
    """
    language = query_value(request, "lang", Language, None) or language_of(request)
    body = await asked(lambda: request.app[DESCRIPTION](language))
    return conditional(
        request,
        sha256(body).hexdigest()[:16],
        lambda: body,
        headers={
            hdrs.CONTENT_LANGUAGE: language,
            hdrs.VARY: "Authorization, Accept, Accept-Language",
        },
    )


def describe(
    commands: Sequence[Entry],
    resources: Iterable[Resource],
    operations: Sequence[Operation] = (),
    uploads: Sequence[Uploading] = (),
    *,
    language: str = "en",
) -> dict[str, Any]:
    """Return the OpenAPI document of commands, resources, operators' commands and uploads."""
    listed = [r for r in resources if r.listed]
    document = _Document(commands, listed, operations, uploads, language)
    paths: dict[str, dict[str, Any]] = {}
    for entry in commands:
        paths[path_of(entry)] = {"post": document.command(entry)}
    for operation in operations:
        paths[operation.path] = {"post": document.operation(operation)}
    for uploading in uploads:
        paths[uploading.path] = {"post": document.upload(uploading)}
    for resource in listed:
        paths[_PLACE.sub(r"{\1}", resource.path)] = {"get": document.get(resource)}
    parameters = _share_parameters(paths)
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
        **_webhooks(document.schemas),
        "components": {
            "schemas": document.schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token belongs to a unit, a person and a role.",
                }
            },
            "responses": document.responses,
            "parameters": {**_OF_SENDERS, **parameters},
            "headers": _HEADERS,
        },
    }


def _webhooks(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a receiver of events gets; nothing without the feed."""
    if "CloudEvent" not in schemas:
        return {}
    event = {"$ref": _REF.format(name="CloudEvent")}
    return {
        "webhooks": {
            "event": {
                "post": {
                    "operationId": "event",
                    "tags": ["feed"],
                    "summary": "An event, as a receiver gets it",
                    "description": "This service calls nobody: receivers read `/v1/feed`. Its "
                    "stream of server-sent events has this document as the data of each event, "
                    "and an adapter that forwards events over HTTP sends it in the structured "
                    "mode of CloudEvents 1.0. An event may come more than once; `position` "
                    "tells. `type` and `schemaversion` decide what `data` holds.",
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/cloudevents+json": {
                                "schema": event,
                                "example": example(event, schemas),
                            }
                        },
                    },
                    "responses": {"204": {"description": "The receiver has it."}},
                }
            }
        }
    }


def _share_parameters(paths: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Move the parameters that several operations have to the components, and return these."""
    operations = [operation for methods in paths.values() for operation in methods.values()]
    times = Counter(_text_of(p) for o in operations for p in o["parameters"] if "$ref" not in p)
    names: dict[bytes, str] = {}
    shared: dict[str, Any] = {}
    for operation in operations:
        for index, parameter in enumerate(operation["parameters"]):
            text = _text_of(parameter)
            if times[text] < 2:
                continue
            if text not in names:
                name = f"{parameter['in']}.{parameter['name']}"
                alike = sum(known == name or known.startswith(f"{name}.") for known in shared)
                names[text] = f"{name}.{alike + 1}" if alike else name
                shared[names[text]] = parameter
            operation["parameters"][index] = {"$ref": f"#/components/parameters/{names[text]}"}
    return shared


def _text_of(parameter: dict[str, Any]) -> bytes:
    return msgspec.json.encode(parameter)


def _with_short_names(
    schemas: Iterable[dict[str, Any]], components: Mapping[str, dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the schemas with each component named by one word.

    msgspec names types of one name by their modules; here the name of their system is prefixed. The
    title is the name too: generators name classes by it.
    """
    names = {name: _short(name) for name in components}
    if len(set(names.values())) < len(names):
        raise ValueError("two types of the description have one name")
    text = msgspec.json.encode([list(schemas), components]).decode()
    for name, short in names.items():
        if short != name:
            text = text.replace(_REF.format(name=name), _REF.format(name=short))
    shortened, renamed = msgspec.json.decode(text)
    _open_objects(renamed)
    return shortened, {names[n]: {**c, "title": names[n]} for n, c in renamed.items()}


def _open_objects(schema: Any) -> None:
    """Say of each object without declared members that it may have any."""
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict):
            if part.get("type") == "object" and not part.keys() & _OPEN:
                part.update(_OBJECT)
            _open_objects(part)
        elif isinstance(part, list):
            _open_objects(part)


def _short(name: str) -> str:
    """Return ``CasefilesSeedSource`` for ``ledger.systems.casefiles.events.SeedSource``."""
    parts = name.split(".")
    return name if len(parts) == 1 else f"{parts[2].title()}{parts[-1]}"


def _groups(commands: Iterable[Entry], resources: Iterable[Resource]) -> Iterable[str]:
    yield from (entry.system for entry in commands)
    yield from (group_of(resource) for resource in resources)


def group_of(resource: Resource) -> str:
    """Return the group of a resource in the description."""
    parts = [p for p in resource.path.split("/") if p and p != "v1"]
    return resource.group or (parts[0] if parts else "pages")


class _Document:
    """The operations of a description, and the components that they refer to."""

    def __init__(
        self,
        commands: Sequence[Entry],
        resources: Sequence[Resource],
        operations: Sequence[Operation],
        uploads: Sequence[Uploading],
        language: str,
    ) -> None:
        self._language = language
        paths = [*(r.path for r in resources), *(u.path for u in uploads)]
        every = [
            *(e.command for e in commands),
            Answer,
            Trial,
            DRY_RUN.checked,
            *(
                t
                for r in resources
                for t in (r.returns, r.otherwise, *r.forms.values())
                if t is not None
            ),
            *(p.checked for r in resources for p in (*r.query, *r.headers)),
            *(PLACES[name] for path in paths for name in _PLACE.findall(path)),
            *(t for o in operations for t in (o.body, o.returns)),
            *(u.returns for u in uploads),
        ]
        schemas, components = _with_short_names(
            *msgspec.json.schema_components(every, ref_template=_REF)
        )
        self._schemas = {_key(t): s for t, s in zip(every, schemas, strict=True)}
        self.schemas = {**components, "Problem": _PROBLEM}
        answer = {
            "headers": _headers("X-Position", "Location"),
            "content": self._json(Answer),
        }
        told = self._json(Answer)
        told["application/json"]["schema"] = {
            "title": "AnswerOrTrial",
            "anyOf": [self._schemas[_key(Answer)], self._schemas[_key(Trial)]],
        }
        self.responses: dict[str, Any] = {
            "recorded": {"description": "Recorded.", **answer},
            "requested": {
                "description": "Recorded: `approvals.approval-requested`, if a second person must "
                "approve.",
                **answer,
            },
            "repeated": {
                "description": "Recorded earlier with this Idempotency-Key, or nothing to record; "
                "or a dry run, which records nothing.",
                **answer,
                "content": told,
            },
            "unchanged": {
                "description": "The caller's copy (If-None-Match) is current.",
                "headers": _headers("ETag"),
            },
            "problem": {
                **_response(["method-not-allowed"]),
                "description": "Any other problem; `status` and `type` say which.",
            },
        }

    def command(self, entry: Entry) -> dict[str, Any]:
        """Return the operation that sends a command."""
        text = cleandoc(entry.command.__doc__ or entry.name)
        recorded = "recorded"
        if issubclass(entry.command, Countersigned):
            text += f"\n\n{entry.command.told()}"
            recorded = "requested"
        return {
            "operationId": f"{entry.system}.{entry.name}",
            "tags": [entry.system],
            **self._told(f"{entry.system}/{entry.name}", text, sorted(entry.roles)),
            "security": [{"token": []}, *([{}] if "public" in entry.roles else [])],
            "parameters": [*_of_senders(), self._parameter(DRY_RUN)],
            "requestBody": {"required": True, "content": self._json(entry.command)},
            "responses": {
                **_responses({"201": recorded, "200": "repeated"}),
                **self._problems((*_ALWAYS, *_OF_COMMANDS)),
            },
        }

    def operation(self, operation: Operation) -> dict[str, Any]:
        """Return the operation that sends a command for operators."""
        answer = {
            "description": "Done.",
            "headers": _headers("X-Position", "Location"),
            "content": self._json(operation.returns),
        }
        return {
            "operationId": f"{operation.group}.{operation.name}",
            "tags": [operation.group],
            **self._told(
                f"{operation.group}/{operation.name}",
                cleandoc(operation.body.__doc__ or operation.name),
                [operation.sent_by],
            ),
            "security": [{}] if operation.sent_by == "everybody" else [{"token": []}],
            "parameters": _of_senders(),
            "requestBody": {"required": True, "content": self._json(operation.body)},
            "responses": {
                **{str(status): answer for status in operation.statuses},
                **self._problems((*_ALWAYS, *_OF_COMMANDS, "not-found")),
            },
        }

    def upload(self, uploading: Uploading) -> dict[str, Any]:
        """Return the operation that stores a file."""
        group = uploading.path.split("/")[2]
        return {
            "operationId": f"{group}.upload",
            "tags": [group],
            **self._told(uploading.path, cleandoc(uploading.handler.__doc__ or uploading.path)),
            "security": [{"token": []}],
            "parameters": self._places(uploading.path),
            "requestBody": {
                "required": True,
                "description": "The bytes of the file, as they are.",
                "content": {"application/octet-stream": {"schema": _BYTES}},
            },
            "responses": {
                "201": {
                    "description": "The file was stored.",
                    "headers": _headers("Location"),
                    "content": self._json(uploading.returns),
                },
                **self._problems((*_ALWAYS, *_OF_UPLOADS)),
            },
        }

    def get(self, resource: Resource) -> dict[str, Any]:
        """Return the operation that reads a resource."""
        query = {p.name for p in resource.query}
        shown = ["Vary", *(["ETag"] if resource.conditional else [])]
        if resource.worded or resource.suffixes:
            shown.append("Content-Language")
        sheets = CSV in resource.media_types
        if sheets:
            shown.append("X-Rows-Cut")
        if resource.roles is None and resource.path.startswith(LIMITED):
            shown += _RATES
        if "at_least" in query:
            shown += ["X-View-Position", "X-Position"]
        if "limit" in query:
            shown.append("Link")
        if resource.may_be_empty:
            shown.append("X-Next-After")
        content = {media: self._content(resource, media) for media in resource.media_types}
        answer = {"description": "The answer.", "headers": _headers(*shown), "content": content}
        responses = {
            "200": answer,
            **(_responses({"304": "unchanged"}) if resource.conditional else {}),
            **({"204": _empty(answer)} if resource.may_be_empty else {}),
            **self._problems(_problems_of(resource)),
        }
        if resource.path == "/readyz":
            responses["503"] = {**answer, "description": "A part is not ready."}
        text = cleandoc(resource.handler.__doc__ or resource.name)
        if PDF in resource.media_types:
            text += "\n\nAs a document to print with `.pdf` after the path, or by `Accept`."
        if sheets:
            ends = " or ".join(f"`{suffix}`" for suffix in resource.suffixes)
            text += (
                f"\n\nAs a file for spreadsheets with {ends} after the path, or by `Accept`: at "
                f"most {MAX_ROWS:,} entries; `X-Rows-Cut` says that there are more."
            )
        return {
            "operationId": resource.name,
            "tags": [group_of(resource)],
            **self._told(resource.path, text, sorted(resource.roles or ())),
            "security": [{"token": []}, *([{}] if resource.roles is None else [])],
            "parameters": [
                *self._places(resource.path),
                *(self._parameter(p) for p in (*resource.query, *resource.headers)),
            ],
            "responses": responses,
        }

    def _told(self, code: str, text: str, roles: Sequence[str] = ()) -> dict[str, str]:
        """Return the summaries and the description of an operation.

        ``text`` is its docstring; ``code`` names its title in the catalogue, in which the English
        one is the docstring's first paragraph.
        """
        english = " ".join(text.split("\n\n", 1)[0].split())
        chinese = title(code, "zh", "titles")
        told = {"summary": english}
        if chinese != code:
            told["x-summary-zh"] = chinese
            if self._language == "zh":
                told["summary"] = chinese
        sent_by = f"\n\nRoles: {', '.join(roles)}." if roles else ""
        return {**told, "description": text + sent_by}

    def _json(self, type_: Any) -> dict[str, Any]:
        """Return the content of a JSON body of this type, with an example."""
        schema = self._schemas[_key(type_)]
        return {"application/json": {"schema": schema, "example": example(schema, self.schemas)}}

    def _content(self, resource: Resource, media: str) -> dict[str, Any]:
        if media in resource.forms:
            schema = self._schemas[_key(resource.forms[media])]
            return {"schema": schema, "example": example(schema, self.schemas)}
        if media != "application/json":
            return {"schema": _TEXT if media in _TEXTS else _BYTES}
        if resource.returns is None:
            return {"schema": _OBJECT}
        content: dict[str, Any] = self._json(resource.returns)[media]
        if resource.otherwise is not None:
            kinds = [content["schema"], self._schemas[_key(resource.otherwise)]]
            title = f"{resource.name.title().replace('-', '')}Answer"
            content["schema"] = {"title": title, "anyOf": kinds}
        return content

    def _places(self, path: str) -> list[dict[str, Any]]:
        """Return the parameters of a path."""
        places = (Parameter(name, PLACES[name], place="path") for name in _PLACE.findall(path))
        described = map(self._parameter, places)
        return [{**p, "required": True, "example": p["schema"]["examples"][0]} for p in described]

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        schema = dict(self._schemas[_key(parameter.checked)])
        known = schema.pop("description", None)
        if schema.get("format") in _IN_QUERIES:
            schema["pattern"] = _IN_QUERIES[schema["format"]]
        # Examples of the schema alone: viewers fill in the example of a parameter before sending.
        shown = parameter.example
        schema["examples"] = [example(schema, self.schemas) if shown is None else shown]
        if parameter.default is not None:
            schema["default"] = parameter.default
        if parameter.repeatable or parameter.joined:
            schema = {"type": "array", "items": schema, "maxItems": MAX_PARAMETERS}
        return {
            "name": parameter.name,
            "in": parameter.place,
            "description": parameter.description or known or _words(parameter),
            "schema": schema,
            **({"required": True} if parameter.required else {}),
            **({"style": "form", "explode": False} if parameter.joined else {}),
        }

    def _problems(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the responses for kinds of problems; several kinds may share a status."""
        kinds: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            kinds.setdefault(str(KINDS[name].status), []).append(name)
        named: dict[str, str] = {}
        for status, of_status in sorted(kinds.items()):
            named[status] = ".".join(of_status)
            self.responses.setdefault(named[status], _response(of_status))
        return _responses({**named, "default": "problem"})


def _problems_of(resource: Resource) -> Iterator[str]:
    """Yield the kinds of problems that a GET of this resource can get."""
    yield from (*_ALWAYS, "unavailable", "too-costly", "too-many-requests")
    if "{" in resource.path:
        yield "not-found"
    if resource.roles is not None:
        yield "forbidden"
    if len(resource.media_types) > 1 and not resource.suffixes:
        yield "not-acceptable"
    if any(p.name == "at_least" for p in resource.query):
        yield "too-early"
    if any(p.name == "Range" for p in resource.headers):
        yield "range-not-satisfiable"


def _responses(named: Mapping[str, str]) -> dict[str, Any]:
    return {status: {"$ref": f"#/components/responses/{name}"} for status, name in named.items()}


def _words(parameter: Parameter) -> str:
    """Return what a parameter is, by its name."""
    words = _PLACE_WORDS.get(parameter.name, parameter.name.replace("_", " "))
    return f"the id of the {words}" if parameter.place == "path" else words


def _empty(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response of status 204 for what is otherwise this answer."""
    return {"description": "There is nothing yet.", "headers": answer["headers"]}


def _of_senders() -> list[dict[str, str]]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in _OF_SENDERS]


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _response(names: Sequence[str]) -> dict[str, Any]:
    kinds = [KINDS[name] for name in names]
    statuses = {kind.status for kind in kinds}
    more = [h for h, of in _HEADERS_OF.items() if statuses & of]
    return {
        "description": "\n\n".join(f"{kind.title('en')}. {kind.meaning('en')}" for kind in kinds),
        "headers": _headers("Content-Language", "Vary", *more),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    kind.name: {"summary": kind.title("en"), "value": _problem(kind)}
                    for kind in kinds
                },
            }
        },
    }


def _problem(kind: Kind) -> dict[str, Any]:
    return {
        "type": kind.uri,
        "title": kind.title("en"),
        "status": kind.status,
        "detail": kind.meaning("en"),
        "instance": "/v1/entities",
        "request_id": "6f1c0a52d3b84e97",
        **_MEMBERS.get(kind.name, {}),
    }


def _key(type_: Any) -> Any:
    # Annotated types and unions compare by content but are not always hashable; their repr is.
    return type_ if isinstance(type_, type) else repr(type_)


#: Days and moments that a query may name; JSON Schema knows no bounds of dates.
_DAY = r"(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_IN_QUERIES = {
    "date": rf"^{_DAY}(?![\s\S])",
    "date-time": rf"^{_DAY}[Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){{2}}(\.[0-9]{{1,6}})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])(?![\s\S])",
}

#: An object of any members; the content of a file; that of an answer that is text.
_OBJECT = {"type": "object", "additionalProperties": True}
_BYTES = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_TEXTS = ("application/x-ndjson", "text/csv", "text/event-stream", "text/html", "text/plain")

#: What is left of a limit for callers without a token.
_RATES = ("RateLimit", "RateLimit-Policy")

#: What parameters of paths are ids of, where their name says too little.
_PLACE_WORDS = {"id": "inspection", "key": "key list", "recon": "reconsideration"}

#: Headers that problems of these statuses have.
_HEADERS_OF = {
    "Retry-After": {425, 429, 503},
    **{name: {429} for name in _RATES},
    "WWW-Authenticate": {401},
}

_PROBLEM = {
    "title": "Problem",
    "description": "A problem document (RFC 9457). Its type determines its further members.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "enum": [kind.uri for kind in KINDS.values()],
            "description": "the kind of problem; the address explains it",
        },
        "title": {"type": "string", "description": "what this kind of problem is"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "what is wrong with this request"},
        "instance": {"type": "string", "description": "the path of the request"},
        "request_id": {"type": "string", "description": "names this request in the log"},
        "pointer": {
            "type": ["string", "null"],
            "description": "JSON pointer (RFC 6901) to the fault in the body",
        },
        "errors": {
            "type": "array",
            "description": f"every fault of the body, up to {MAX_FAULTS}; `detail` and `pointer` "
            "tell the first one too",
            "maxItems": MAX_FAULTS,
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": ["string", "null"], "description": "where the fault is"},
                    "code": {"type": "string", "description": "the code of the message"},
                    "detail": {"type": "string", "description": "what is wrong"},
                },
            },
        },
        "code": {
            "type": "string",
            "description": "the code of the message, or of the reason that a rule gives",
        },
        "rule_id": {"type": "string", "description": "the rule that refuses"},
        "message": {"type": "string", "description": "why the rule refuses"},
        "legal_source": {"type": "string", "description": "the law that the rule rests on"},
        "policy_key": {"type": ["string", "null"], "description": "the policy that was applied"},
        "policy_version": {"type": ["integer", "null"], "description": "its version"},
        "fix_hint": {"type": "string", "description": "how to correct the command"},
        "details": {
            "type": "object",
            "description": "the values that the message names; a part of the message that has a "
            "code of its own is an object with `code`, `text` and `details`",
        },
        "kind": {"type": "string", "description": "the kind of what is not recorded"},
        "id": {"type": "string", "description": "the id of what is not recorded"},
        "position": {"type": "integer", "description": "a position that the problem names"},
    },
}

#: What kinds of problems have in addition.
_MEMBERS: dict[str, dict[str, Any]] = {
    "malformed": {"pointer": "/entity"},
    "rule-refused": {
        "rule_id": "FIL-R4",
        "message": "the visit is not filed",
        "legal_source": "Notice 2(2)",
        "policy_key": None,
        "policy_version": None,
        "fix_hint": "File the visit first.",
        "details": {},
    },
    "unknown-reference": {"kind": "plan", "id": "PLAN-MRB-2026", "fix_hint": "File it first."},
    "too-early": {"position": 41},
    "unfinished": {"position": 42},
}

_HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "names this request in the log",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:/+=@-]{1,128}$"},
    },
    "X-Position": {
        "description": "of a command: the position of the last recorded event that the sender may "
        "see, to be used as `at_least`; of a document: the position of its view",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-View-Position": {
        "description": "the least position up to which the views read have followed the ledger",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-Next-After": {
        "description": "the position after which the next page begins",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Link": {
        "description": "the next page (RFC 8288, `rel=next`); absent on the last page",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "names this state of the answer, for If-None-Match",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "where to read what was recorded",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "the seconds after which to try again",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Content-Language": {
        "description": "the language of the texts",
        "schema": {"type": "string", "enum": list(LANGUAGES)},
    },
    "Vary": {
        "description": "the headers of the request that the answer depends on",
        "schema": {"type": "string"},
    },
    "X-Rows-Cut": {
        "description": "of a file: the entries that it has, if there are more",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit": {
        "description": "without a token: how many requests are left (`r`), and for how many "
        "seconds (`t`); draft-ietf-httpapi-ratelimit-headers-10",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "without a token: how many requests (`q`) one address may send in how many "
        "seconds (`w`)",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "how to authenticate (RFC 6750)",
        "schema": {"type": "string"},
    },
}

#: Headers of every command.
_OF_SENDERS = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "1 to 255 printable ASCII characters. A request sent again with the same "
        "key is answered with the first result and records nothing.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "example": "filing-2026-0815-1",
    },
    "X-Correlation-Id": {
        "name": "X-Correlation-Id",
        "in": "header",
        "description": "A UUID that links related requests across systems.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "019a0000-0000-7000-8000-000000000000",
    },
}


RESOURCES = (
    Resource(
        "/v1/openapi.json",
        openapi,
        query=(Parameter("lang", Language, "the language of the summaries, before the header's"),),
        conditional=True,
        group="description",
        worded=True,
    ),
)
