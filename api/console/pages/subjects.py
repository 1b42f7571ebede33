"""The page of a subject: what it is, what comes next, what happened."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from api.console.inside import SHOWN, Query
from api.console.shell import Opened
from api.console.shown import tone_of
from api.systems.inbox import PAGES as SUBJECT_PAGES
from ledger.kernel.subjects import subject_fields
from projections.inbox.waiting import entry_of

#: Pages of kinds for which no inbox item leads to one.
_PAGES: Mapping[str, str] = {
    "commitment": "/v1/commitments/{}",
    "filing": "/v1/filings/{}",
    "officer": "/v1/officers/{}",
    "subscription": "/v1/sharing/subscriptions/{}",
    "work-plan": "/v1/work-plans/{}",
    "experience": "/v1/experiences/{}",
    "outreach": "/v1/outreach/{}",
    "joint-artefact": "/v1/joint-artefacts/{}",
    "delegation": "/v1/delegations/{}",
    "screening": "/v1/screenings/{}",
}
_KINDS: Mapping[str, str] = {
    path: kind for kind, path in {**SUBJECT_PAGES, **_PAGES}.items() if "/" not in kind
}

#: The fields whose values are ids with a name, by kind of subject.
_NAMED: Mapping[str, str] = {
    "unit": "unit",
    "units": "unit",
    "subject_unit": "unit",
    "determined_by": "unit",
    "organ": "unit",
    "reviewing_unit": "unit",
    "entity": "entity",
    "entities": "entity",
    "matter": "matter",
    "matters": "matter",
}
#: Names that are asked for at most, and entries of each list next to the document.
_MOST_NAMES, _MOST = 80, 30

#: The fields that say in which state a subject is.
_STATES = ("stage", "state", "outcome", "status")
#: The fields that say what a subject is called.
_TITLES = ("name", "title", "doc_no", "says", "subject")


class NextStep(msgspec.Struct, frozen=True):
    """A command that the reader may send about the subject, and the address of its filled form.

    ``waits``: what waits for the reader, if an item of the inbox asks for this command.
    """

    command: str
    known: dict[str, Any]
    waits: str = ""


class Beside(msgspec.Struct, frozen=True):
    """What a subject's page shows next to its document; ``None`` where the reader may not read."""

    kind: str
    id: str
    steps: list[NextStep]
    names: dict[str, str]
    deadlines: list[dict[str, Any]]
    trail: list[dict[str, Any]] | None
    state: tuple[str, str, str] | None
    title: str


def kind_of(route: str) -> str | None:
    """Return the kind of subject of which a resource shows one."""
    if route.count("{") != 1 or not route.endswith("}"):
        return None
    return _KINDS.get(re.sub(r"\{\w+\}", "{}", route))


async def beside(page: Opened, route: str, path: str, body: Mapping[str, Any]) -> Beside | None:
    """Return what else there is about the subject of a document; ``None`` for other documents."""
    kind = kind_of(route)
    if kind is None:
        return None
    id_ = unquote(path.rpartition("/")[2])
    tag = f"{kind}:{id_}"
    names = list(dict.fromkeys(_ids(body)))[:_MOST_NAMES]
    trail = f"{path}/trail" if f"{route}/trail" in page.request.app[SHOWN] else None
    questions: list[tuple[str, Query]] = [
        ("/v1/next-commands", {"subject": tag}),
        ("/v1/inbox", {"subject": tag}),
        ("/v1/deadlines", {"about": tag, "limit": _MOST}),
        ("/v1/names", [("subject", name) for name in names]),
    ]
    if trail is not None:
        questions.append((trail, {"order": "newest", "limit": _MOST}))
    # The page is one consultation, recorded with its document.
    asked = (page.ask(path, query, recorded=True) for path, query in questions)
    answers = await asyncio.gather(*asked)
    possible, waiting, deadlines, named, *told = (a.body if a.fine else None for a in answers)
    called = {item["subject"].partition(":")[2]: item["name"] for item in _items(named)}
    return Beside(
        kind,
        id_,
        _steps(_items(possible), _items(waiting), body),
        called,
        _items(deadlines),
        None if trail is None or told[0] is None else _items(told[0]),
        _state(body),
        _title(body)
        or next(
            (called[id_] for tag in names if (id_ := tag.removeprefix("entity:")) in called), ""
        ),
    )


def _items(body: Any) -> list[dict[str, Any]]:
    return [] if body is None else list(body.get("items") or body.get("entries") or ())


def _ids(value: Any, field: str = "") -> Iterator[str]:
    """Yield the tags of the units, businesses and matters that a document names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _ids(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner, field)
    elif isinstance(value, str) and value and field in _NAMED:
        yield f"{_NAMED[field]}:{value}"


def _steps(
    possible: list[dict[str, Any]], waiting: list[dict[str, Any]], body: Mapping[str, Any]
) -> list[NextStep]:
    """Return the commands, those that wait for the reader first."""
    steps: dict[str, NextStep] = {}
    for item in waiting:
        for command in item["commands"]:
            known = {**_known(command["command"], body), **command["prefilled"]}
            steps.setdefault(command["command"], NextStep(command["command"], known, item["says"]))
    for command in possible:
        known = {**_known(command["command"], body), **command["prefilled"]}
        steps.setdefault(command["command"], NextStep(command["command"], known))
    return list(steps.values())


def _known(command: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subjects of a command's fields that the document names under the same names."""
    said = {**body}
    for inner in body.values():
        if isinstance(inner, Mapping):
            said = {**inner, **said}
    fields = subject_fields(entry_of(command).command)
    return {name: said[name] for name, _ in fields if isinstance(said.get(name), str)}


def _state(body: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return the field, value and tone of the state of a subject."""
    for field in _STATES:
        if isinstance(value := body.get(field), str):
            return field, value, tone_of(value)
    return None


def _title(body: Mapping[str, Any]) -> str:
    inner = [part for part in body.values() if isinstance(part, Mapping)]
    for part in (body, *inner):
        for field in _TITLES:
            if isinstance(value := part.get(field), str) and len(value) < 120:
                return value
    return ""
