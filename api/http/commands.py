"""``POST /v1/<system>/<command>``: one route for each entry of the command table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

import msgspec
import structlog
from aiohttp import hdrs, web

from api.http.access import caller_of
from api.http.auditing import AUDIT
from api.http.bodies import body_of
from api.http.front import EDGE
from api.http.keys import DESK, EVIDENCE, LEDGER, LINE, VAULT
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.probes import sender_of
from api.http.problems import Problem, unauthenticated
from api.http.resources import Handler, check_query
from api.http.sealing import FINISHERS, SEALERS, Finisher, Sealer
from api.http.tokens import Grant
from api.running.counter import COUNTER
from api.running.pools import COMMANDS, SCREENINGS, Pool
from api.sealed.evidence import names_file, settled, with_file
from ledger.general.audiences import audiences_of_sender
from ledger.kernel import (
    Command,
    Context,
    Malformed,
    Outcome,
    OutOfStep,
    Recorded,
    Refusal,
    Unavailable,
    UnknownReference,
)
from ledger.kernel.clock import uuid7
from ledger.kernel.contexts import keyed_command_id, make_context
from ledger.registry import Entry
from ledger.stores import StoreError
from ledger.systems.keylist.commands import RunScreening
from ledger.systems.supervision.events import FindingRaised
from ledger.telling import FOUND_IN_HIDDEN
from ledger.vault.store import Vault
from projections.drawing import desk as drawing
from projections.drawing.desk import Prepared, Preparer
from projections.systems import screening

log = structlog.get_logger("api.commands")

T = TypeVar("T")

#: What is worked out before a command is handed in, and where if it takes long.
PREPARERS: dict[type[Command], Preparer] = {**drawing.PREPARERS, **screening.PREPARERS}
_PREPARED_IN: dict[type[Command], Pool] = {RunScreening: SCREENINGS}

#: The largest body of a command. Long content lies beside the ledger, its digest in the command.
MAX_BODY_BYTES = 1024 * 1024

#: Bodies above this are decoded in a thread: that takes milliseconds.
LARGE_BODY_BYTES = 32 * 1024

_KEY = re.compile(r"[\x20-\x7e]{1,255}\Z")
_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


def add_commands(app: web.Application, entries: Iterable[Entry]) -> None:
    """Route every entry of the table."""
    for entry in entries:
        route = app.router.add_resource(path_of(entry))
        route.add_route("POST", _handler(entry), expect_handler=expect)


def path_of(entry: Entry) -> str:
    """Where a command is sent."""
    return f"/v1/{entry.system}/{entry.name}"


def _handler(entry: Entry) -> Handler:
    # Whatever does not change from request to request is worked out here.
    path = path_of(entry)
    decoder = msgspec.json.Decoder(entry.command)
    roles = entry.roles
    refusal = f"The role {{}} may not send {entry.name}; these may: {', '.join(sorted(roles))}."
    prepare = PREPARERS.get(entry.command)
    seal = SEALERS.get(entry.command)
    finish = FINISHERS.get(entry.command)
    names_entity = "entity" in entry.command.__struct_fields__

    async def post(request: web.Request) -> web.Response:
        line = request[LINE]
        line.route = path
        grant = line.grant or await caller_of(request)
        if grant.role not in roles:
            if not grant.id:
                raise unauthenticated(f"{entry.name} needs a token.")
            raise Problem("forbidden", refusal.format(grant.role))
        sender = _sender(request, grant)
        request.app[EDGE].probes.require(sender)
        check_query(request)
        headers = request.headers
        require_json(headers.get(hdrs.CONTENT_TYPE, ""))
        key = idempotency_key(headers.get("Idempotency-Key"))
        body = await body_of(request, MAX_BODY_BYTES)
        if len(body) > LARGE_BODY_BYTES:
            command: Command = await COMMANDS.run(lambda: decoded(body, decoder))
        else:
            command = decoded(body, decoder)
        # The sequencer asks it again; here, so that nothing is worked out or sealed for others.
        command.require_own_unit(grant.actor())
        if names_entity and grant.role == "entity_rep":
            _require_own_entity(command, grant)
        app = request.app
        # From here on nothing holds what was sent in clear: no digest, no queue, no log.
        if seal is not None:
            command = await _sealed(app, seal, command, grant, key)
        # What tells the request apart is what was sent: not the file, which may come or go before
        # the same request is sent again.
        context = make_context(
            command,
            grant.actor(),
            app[LEDGER].clock(),
            key=key,
            correlation_id=_correlation(request),
            audiences=audiences_of_sender(grant.role, grant.unit, grant.person, grant.entity),
            remembered=True,
        )
        line.command_id = context.command_id
        try:
            outcome = await _executed(app, prepare, command, context, grant)
        except (Refusal, UnknownReference, OutOfStep) as error:
            await _take_down(app, sender, grant, command, context, error)
            raise
        except OverflowError:
            raise Malformed("a number or moment of the request is out of range") from None
        await settled(app, outcome.events)
        if finish is not None:
            await _finished(app, finish, outcome.position)
        line.position = outcome.position
        return _answer(outcome, grant)

    return post


def _sender(request: web.Request, grant: Grant) -> str:
    """Who sends, as probes are counted."""
    return sender_of(grant, "" if grant.id else request.app[EDGE].source_of(request))


async def _take_down(  # noqa: PLR0917 - all that is known of a command that was not recorded
    app: web.Application,
    sender: str,
    grant: Grant,
    command: Command,
    context: Context,
    error: Refusal | UnknownReference | OutOfStep,
) -> None:
    """Take down a refusal or an unknown reference.

    What tells of what is hidden costs its sender a probe: an unknown reference, an id for something
    new that is taken, and a rule that refuses because of what its sender may not read.
    """
    match error:
        case OutOfStep():
            probing = error.taken
        case Refusal():
            probing = error.told
        case _:
            probing = True
    # Counted before anything is waited for: others on their way are to meet it.
    spent = app[EDGE].probes.spend(sender) if probing else None
    if not isinstance(error, OutOfStep):
        await app[AUDIT].refused(app, grant, command, context, error)
    if spent is not None:
        await app[AUDIT].paused(grant, spent)


async def _executed(
    app: web.Application, prepare: Preparer | None, command: Command, context: Context, grant: Grant
) -> Outcome:
    """The outcome of a command, once the service has filled in what is never sent."""
    if names_file(type(command)):
        command = await with_file(app, command, grant)
    if prepare is None:
        return await app[COUNTER].execute(command, context)
    return await _all_of(app, await _prepared(app, prepare, command), context)


async def _sealed(
    app: web.Application, seal: Sealer, command: Command, grant: Grant, key: str | None
) -> Command:
    """A command whose personal data is sealed, the same for the same idempotency key."""
    fresh = uuid7(app[LEDGER].clock()).hex
    made_for = fresh if key is None else keyed_command_id(grant.actor(), key)
    return await with_vault(app, lambda vault: seal(command, vault, made_for))


async def with_vault(app: web.Application, work: Callable[[Vault], T]) -> T:
    """What a thread does with the vault. Raises 503 where it cannot."""
    vault = app[VAULT]
    if vault is None:
        raise Unavailable("this service has no vault for personal data")
    try:
        return await COMMANDS.run(lambda: work(vault))
    except StoreError as error:
        log.error("vault_failed", error=str(error))
        raise Unavailable("the vault did not take it; send the same request again") from error


async def _finished(app: web.Application, finish: Finisher, position: int) -> None:
    """Have done what follows from a command outside the ledger; it is recorded by now."""
    try:
        await with_vault(app, lambda vault: finish(app[LEDGER].recorder, vault, app[EVIDENCE]))
    except Unavailable as error:
        raise Problem(
            "unfinished",
            f"Recorded at position {position}; its key is not destroyed yet: {error}.",
            headers={hdrs.RETRY_AFTER: "1"},
            position=position,
        ) from error


async def _prepared(app: web.Application, prepare: Preparer, command: Command) -> Prepared:
    """What a thread worked out for a command; the sequencer and the event loop go on meanwhile."""
    desk = app[DESK]
    if desk is None:
        raise Unavailable("this service has no content beside its ledger")
    try:
        pool = _PREPARED_IN.get(type(command), COMMANDS)
        return await pool.run(lambda: prepare(command, desk))
    except StoreError as error:
        log.error("preparing_failed", error=str(error))
        raise Unavailable(
            "what lies with the ledger cannot be read; if it stays so, an operator must restore it "
            "from a backup. Then send the same request again"
        ) from error


async def _all_of(app: web.Application, prepared: Prepared, context: Context) -> Outcome:
    """The outcome of a prepared command, once everything that follows it is recorded too.

    A crash in between leaves a beginning; the same request sent again goes on with the rest.
    """
    first = await app[COUNTER].execute(prepared.command, context)
    position = first.position
    following = prepared.then()
    cause = first.events[0].envelope.event_id if first.events else None
    while (step := await COMMANDS.run(lambda: next(following, None))) is not None:
        command, key = step
        follows = make_context(
            command,
            context.actor,
            app[LEDGER].clock(),
            key=key,
            causation_id=cause,
            correlation_id=context.correlation_id,
        )
        position = max(position, (await app[COUNTER].execute(command, follows)).position)
    return Outcome(position, first.events, first.repeated)


def idempotency_key(given: str | None) -> str | None:
    """The header ``Idempotency-Key`` as it was given. Raises for one that is too long or odd."""
    if given is not None and not _KEY.match(given):
        raise Problem(
            "malformed", "The header Idempotency-Key has 1 to 255 printable ASCII characters."
        )
    return given


def require_json(content_type: str) -> None:
    """Refuse a body that does not say that it is JSON in UTF-8."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise Problem(
            "unsupported-media-type",
            f"The Content-Type is {content_type!r}; send application/json.",
            headers={"Accept-Post": "application/json"},
        )
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if "charset=" in charset and "charset=utf-8" not in charset:
        raise Problem("unsupported-media-type", "JSON is UTF-8; send it without another charset.")


def _require_own_entity(command: Command, grant: Grant) -> None:
    entity = command.entity  # type: ignore[attr-defined]
    if entity is not None and entity != grant.entity:
        raise Problem(
            "forbidden",
            f"This token acts for {grant.entity} and cannot act for {entity}.",
            pointer="/entity",
        )


def _correlation(request: web.Request) -> UUID | None:
    for name in ("X-Correlation-Id", "X-Request-Id"):
        given = request.headers.get(name)
        if given is not None and len(given) == 36:
            try:
                return UUID(given)
            except ValueError:
                continue
    return None


def _answer(outcome: Outcome, grant: Grant) -> web.Response:
    # The position is that of the last event shown: how many others follow may tell what they are.
    events = [r for index, r in enumerate(outcome.events) if index == 0 or shows(outcome, r, grant)]
    shown = b",".join(map(recorded_json, events))
    whole = len(events) == len(outcome.events)
    position = outcome.position if whole else events[-1].position
    repeated = b"true" if outcome.repeated else b"false"
    headers = {
        hdrs.CONTENT_TYPE: "application/json",
        "X-Content-Type-Options": "nosniff",
        "X-Position": str(position),
    }
    if events:
        headers[hdrs.LOCATION] = f"/v1/events/{events[0].position}"
    return web.Response(
        body=b'{"position":%d,"events":[%b],"repeated":%b}' % (position, shown, repeated),
        status=201 if events and not outcome.repeated else 200,
        headers=headers,
    )


def shows(outcome: Outcome, record: Recorded, grant: Grant) -> bool:
    """Whether a sender is shown an event beside the first, which is what it said itself.

    It is if it may see the event, or if the event is a finding that follows from what it said in
    confidence and from nothing that is kept from it.
    """
    event = record.event
    if grant.sees_record(record):
        return True
    confided = outcome.events[0].envelope.visibility == "sealed"
    if not (confided and isinstance(event, FindingRaised)):
        return False
    return not (event.confidential or event.rule_id in FOUND_IN_HIDDEN)


def recorded_json(record: Recorded) -> bytes:
    """A record as it is shown: its position, its envelope, its body."""
    envelope = _ENCODE(record.envelope)
    return b'{"position":%d,%b,"body":%b}' % (
        record.position,
        envelope[1:-1],
        _ENCODE(record.event),
    )
