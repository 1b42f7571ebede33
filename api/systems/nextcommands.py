"""``GET /v1/next-commands``: which commands about a subject the reader may send now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from api.http.access import caller_of
from api.http.asking import PRIVATE
from api.http.commands import PREPARERS
from api.http.examples import example
from api.http.keys import LEDGER, SENT
from api.http.languages import in_language, language_of
from api.http.probes import sender_of
from api.http.problems import Problem
from api.http.rates import Rates
from api.http.reading import json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.sealing import SEALERS
from api.http.tokens import Grant
from api.running.counter import COUNTER
from api.systems.inbox import READERS, NextCommand, next_command
from ledger.general.audiences import audiences_of_sender
from ledger.kernel import (
    Command,
    Event,
    Fold,
    Inquiry,
    NotRecorded,
    OutOfStep,
    Recorded,
    Unavailable,
    UnknownReference,
)
from ledger.kernel.contexts import make_context
from ledger.kernel.folds import Selector
from ledger.kernel.memory import Witnesses
from ledger.kernel.messages import title
from ledger.kernel.rules import Forbidden
from ledger.kernel.subjects import Tag, main_field, subject_fields
from ledger.registry import Entry

#: How often one sender may ask in a minute; each question is decided like some dry runs.
PER_MINUTE = 120
RATES = web.AppKey("next_commands", Rates)

_COMPONENTS = "#/components/schemas/{name}"


class PossibleCommand(NextCommand, frozen=True, kw_only=True):
    """A command about the subject that its state and the reader's role and unit allow.

    ``says``: its title, in the reader's language. A rule may still refuse it for what its other
    fields say: ``?dry_run=true`` tells.
    """

    says: str


class PossibleCommands(msgspec.Struct, frozen=True):
    """The commands, in the order of the rulebook. Empty for a subject that the reader may not know
    of, as for one that does not exist.
    """

    items: tuple[PossibleCommand, ...]


class Begun(Fold):
    """Is there an event about this subject, and not only one that mentions it?

    A hidden report may mention a subject that does not exist.
    """

    subject: Tag
    known: bool = False

    def selector(self) -> Selector:
        return Witnesses(self.subject).selector()

    def take(self, record: Recorded) -> None:
        self.known = True


class AskedAbout(Command):
    """Ask whether the sender may know of a subject; made by the service, and records nothing."""

    SENT = False

    subject: Tag

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        kind, _, value = self.subject.partition(":")
        # No field names the subject by its kind, so the inquiry does not conceal it by itself.
        if not (inquiry.read(Begun(self.subject)).known and inquiry.may_know(kind, value)):
            raise UnknownReference(kind, value)
        return ()


async def next_commands(request: web.Request) -> web.Response:
    """Which commands about a subject the reader may send now: by role, unit and state.

    Each is decided with the subject's id and made-up values for the other fields, and recorded
    nowhere; it is left out if the subject is not in a state for it, or belongs to another unit.
    A subject that the reader may not know of has no commands, like one that does not exist.
    """
    grant, language = await caller_of(request), language_of(request)
    request.app[RATES].count(sender_of(grant, ""))
    subject = query_value(request, "subject", Tag, "")
    if not subject:
        raise Problem("malformed", "http.subject-must-be-given")
    kind, _, value = subject.partition(":")
    candidates = list(_about(kind, request.app[SENT], grant))
    wishes: list[Command] = [AskedAbout(subject=subject)]
    decided: list[tuple[Entry, str]] = []
    possible: dict[str, str] = {}
    for entry, field in candidates:
        wish = _made_up(entry, field, value, grant)
        if wish is None:
            possible[entry.name] = field
        else:
            wishes.append(wish)
            decided.append((entry, field))
    known, *answers = await asyncio.gather(*(_decided(request, wish, grant) for wish in wishes))
    if known is not None:
        possible, decided, answers = {}, [], []
    for (entry, field), answer in zip(decided, answers, strict=True):
        if _allows(entry, (kind, value), answer):
            possible[entry.name] = field
    items = tuple(
        _shown(entry, field, value, grant, language)
        for entry, field in candidates
        if possible.get(entry.name) == field
    )
    headers = in_language(PRIVATE, language)
    return json_response(PossibleCommands(items), headers=headers)


def _about(kind: str, entries: Iterable[Entry], grant: Grant) -> Iterator[tuple[Entry, str]]:
    """Yield the commands of the role that need a subject of this kind, each with its field.

    Only those that are about it rather than mention it; about a business, those that begin with it.
    """
    for entry in entries:
        if grant.role not in entry.roles:
            continue
        main = main_field(entry.command)
        if main is not None and main[1] == kind:
            yield entry, main[0]
        elif kind == "entity" and (field := _entity_field(entry.command)) is not None:
            yield entry, field


def _entity_field(command: type[Command]) -> str | None:
    """Return the required field that names the business; every such command may begin with it."""
    required = {field.name for field in msgspec.structs.fields(command) if field.required}
    fields = (name for name, of in subject_fields(command) if of == "entity" and name in required)
    return next(fields, None)


def _made_up(entry: Entry, field: str, value: str, grant: Grant) -> Command | None:
    """Return a command about the subject with made-up values; ``None`` if it cannot be tried.

    What needs the vault or a preparation is not tried.
    """
    command = entry.command
    if command in SEALERS or command in PREPARERS:
        return None
    body = {**_example(command), **_own(command, grant), field: value}
    try:
        return msgspec.convert(body, command)
    except (msgspec.ValidationError, NotRecorded):
        return None


@cache
def _example(command: type[Command]) -> dict[str, Any]:
    """Return a body of made-up values, with the required fields alone."""
    (whole,), parts = msgspec.json.schema_components([command], ref_template=_COMPONENTS)
    body: dict[str, Any] = example(whole, parts)
    return body


def _own(command: type[Command], grant: Grant) -> dict[str, Any]:
    """Return the fields that name the sender's own unit and business."""
    own = {command.ACTS_FOR: grant.unit} if command.ACTS_FOR else {}
    if grant.entity is not None:
        own["entity"] = grant.entity
    return {name: given for name, given in own.items() if name in command.__struct_fields__}


async def _decided(request: web.Request, wish: Command, grant: Grant) -> NotRecorded | None:
    """Return why a command would not be recorded; ``None`` if it would.

    Raises ``Unavailable`` if that cannot be said now.
    """
    context = make_context(
        wish,
        grant.actor(),
        request.app[LEDGER].clock(),
        audiences=audiences_of_sender(grant.role, grant.unit, grant.person, grant.entity),
    )
    try:
        wish.require_own_unit(grant.actor())
        await request.app[COUNTER].execute(wish, msgspec.structs.replace(context, dry=True))
    except Unavailable:
        raise
    except NotRecorded as refusal:
        return refusal
    except OverflowError:
        return None
    return None


def _allows(entry: Entry, subject: tuple[str, str], answer: NotRecorded | None) -> bool:
    """Return whether the answer leaves the command possible for other values of its fields."""
    if isinstance(answer, Forbidden):
        return False
    main = main_field(entry.command)
    own = main is not None and main[1] == subject[0]
    if isinstance(answer, UnknownReference):
        unknown = (answer.kind, answer.id)
        return unknown != subject and (main is None or main[1] != answer.kind)
    return not (isinstance(answer, OutOfStep) and own)


def _shown(entry: Entry, field: str, value: str, grant: Grant, language: str) -> PossibleCommand:
    step = next_command(entry, {**_own(entry.command, grant), field: value})
    return PossibleCommand(
        **msgspec.structs.asdict(step), says=title(step.command, language, "titles")
    )


RESOURCES = (
    Resource(
        "/v1/next-commands",
        next_commands,
        returns=PossibleCommands,
        roles=READERS,
        query=(Parameter("subject", Tag, "the tag of the subject, `kind:id`", required=True),),
        group="me",
        worded=True,
    ),
)
