"""``POST /v1/<system>/<command>``: one route for each entry of the command table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType

from api.http.access import caller_of
from api.http.auditing import AUDIT
from api.http.bodies import body_of
from api.http.front import EDGE
from api.http.keys import DESK, EVIDENCE, LEDGER, LINE, VAULT
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.probes import sender_of
from api.http.problems import Problem, unauthenticated
from api.http.rates import Rates
from api.http.reading import json_response, query_value
from api.http.resources import Handler, Parameter, check_query
from api.http.sealing import FINISHERS, SEALERS, Finisher, Sealer
from api.http.tokens import Grant
from api.running.counter import COUNTER
from api.running.pools import COMMANDS, SCREENINGS, Pool
from api.sealed.evidence import names_file, settled, with_file
from ledger.general.audiences import audiences_of_sender
from ledger.general.findings import FindingRaised
from ledger.kernel import (
    Command,
    Context,
    LegalRef,
    Malformed,
    Outcome,
    OutOfStep,
    Recorded,
    Refusal,
    Unavailable,
    UnknownReference,
    message,
)
from ledger.kernel.clock import uuid7
from ledger.kernel.contexts import keyed_command_id, make_context
from ledger.registry import Entry
from ledger.stores import StoreError
from ledger.stores.blobs import UnkeptBlobs
from ledger.systems.keylist.commands import RunScreening
from ledger.telling import FOUND_IN_HIDDEN
from ledger.vault.store import UnkeptKeys, Vault
from projections.drawing import desk as drawing
from projections.drawing import screening
from projections.drawing.desk import Prepared, Preparer

log = structlog.get_logger("api.commands")

T = TypeVar("T")

#: Functions that prepare a command before it is executed, and the pools of slow ones.
PREPARERS: dict[type[Command], Preparer] = {**drawing.PREPARERS, **screening.PREPARERS}
_PREPARED_IN: dict[type[Command], Pool] = {RunScreening: SCREENINGS}

#: Largest body of a command in bytes. Long content is stored in files and named by its digest.
MAX_BODY_BYTES = 1024 * 1024

#: Bodies above this size in bytes are decoded in a thread, because that takes milliseconds.
LARGE_BODY_BYTES = 32 * 1024

DRY_RUN = Parameter(
    "dry_run",
    bool,
    "decide the command and answer with what would be recorded or refused; record nothing. Both "
    "are noted in the access ledger, and an Idempotency-Key is not used up",
)

#: How often one sender may ask in a minute what a command would record.
DRY_RUNS_PER_MINUTE = 60
DRY_RUNS = web.AppKey("dry_runs", Rates)

_KEY = re.compile(r"[\x20-\x7e]{1,255}\Z")
_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


class TrialEvent(msgspec.Struct, frozen=True):
    """An event that a command would record. It has no id, position or time of recording yet.

    ``body`` is left out of an event that its sender could not read once it was recorded.
    """

    type: str
    schema_version: int
    occurred_at: datetime
    visibility: str
    legal_basis: tuple[LegalRef, ...]
    policy_refs: Mapping[str, int]
    body: Mapping[str, Any] | UnsetType = UNSET


class Trial(msgspec.Struct, frozen=True):
    """What a command would record: the events that its sender may read. Nothing was recorded."""

    events: tuple[TrialEvent, ...]
    dry_run: bool = True


def add_commands(app: web.Application, entries: Iterable[Entry]) -> None:
    """Add a route for every entry of the table."""
    app[DRY_RUNS] = Rates(DRY_RUNS_PER_MINUTE, of="http.a-sender")
    for entry in entries:
        route = app.router.add_resource(path_of(entry))
        route.add_route("POST", _handler(entry), expect_handler=expect)


def path_of(entry: Entry) -> str:
    """Return the path to which a command is sent."""
    return f"/v1/{entry.system}/{entry.name}"


def _handler(entry: Entry) -> Handler:
    # Everything that is the same for all requests is computed once, here.
    path = path_of(entry)
    decoder = msgspec.json.Decoder(entry.command)
    roles, allowed = entry.roles, sorted(entry.roles)
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
                raise unauthenticated(message("http.needs-token", name=entry.name))
            told = message(
                "http.role-may-not-send", role=grant.role, name=entry.name, roles=allowed
            )
            raise Problem("forbidden", told)
        sender = _sender(request, grant)
        request.app[EDGE].probes.require(sender)
        check_query(request, ("dry_run",), ("dry_run",))
        dry = query_value(request, "dry_run", bool, False)
        if dry:
            request.app[DRY_RUNS].count(sender)
        headers = request.headers
        require_json(headers.get(hdrs.CONTENT_TYPE, ""))
        key = idempotency_key(headers.get("Idempotency-Key"))
        body = await body_of(request, MAX_BODY_BYTES)
        if len(body) > LARGE_BODY_BYTES:
            command: Command = await COMMANDS.run(lambda: decoded(body, decoder))
        else:
            command = decoded(body, decoder)
        # The sequencer checks this again. It is checked here so that nothing is prepared or sealed
        # for a unit that may not send the command.
        command.require_own_unit(grant.actor())
        if names_entity and grant.role == "entity_rep":
            _require_own_entity(command, grant)
        app = request.app
        # From here on no digest, queue or log holds personal data in clear.
        if seal is not None:
            command = await _sealed(app, seal, command, grant, key, dry=dry)
        context = _context(request, command, grant, key, dry=dry)
        line.command_id = context.command_id
        try:
            outcome = await _executed(app, prepare, command, context, grant)
        except (Refusal, UnknownReference, OutOfStep) as error:
            await _record_refusal(app, sender, grant, command, context, error)
            raise
        except OverflowError:
            raise Malformed("http.number-time-request-out-range") from None
        if dry:
            await app[AUDIT].tried(app, grant, command, context)
            return _trial_answer(outcome, grant)
        await settled(app, outcome.events)
        if finish is not None:
            await _finished(app, finish, outcome.position)
        line.position = outcome.position
        return _answer(outcome, grant)

    return post


async def noted(request: web.Request, grant: Grant, command: Command) -> Outcome:
    """Execute a command that the service itself makes of a request, as one that was sent."""
    sender = _sender(request, grant)
    request.app[EDGE].probes.require(sender)
    context = _context(request, command, grant, None, dry=False)
    try:
        return await request.app[COUNTER].execute(command, context)
    except (Refusal, UnknownReference, OutOfStep) as error:
        await _record_refusal(request.app, sender, grant, command, context, error)
        raise


def _context(
    request: web.Request, command: Command, grant: Grant, key: str | None, *, dry: bool
) -> Context:
    """Return the context of a command. A dry run does not use up its idempotency key."""
    # The digest of the request covers only what was sent, and not the stored file, which may be
    # added or removed before the same request is sent again.
    context = make_context(
        command,
        grant.actor(),
        request.app[LEDGER].clock(),
        key=None if dry else key,
        correlation_id=_correlation(request),
        audiences=audiences_of_sender(grant.role, grant.unit, grant.person, grant.entity),
        remembered=True,
    )
    return msgspec.structs.replace(context, dry=True) if dry else context


def _sender(request: web.Request, grant: Grant) -> str:
    """Return the name under which the probes of a sender are counted."""
    return sender_of(grant, "" if grant.id else request.app[EDGE].source_of(request))


async def _record_refusal(  # noqa: PLR0917 - all facts about a command that was not recorded
    app: web.Application,
    sender: str,
    grant: Grant,
    command: Command,
    context: Context,
    error: Refusal | UnknownReference | OutOfStep,
) -> None:
    """Record a refusal or an unknown reference in the access ledger.

    An answer that may reveal hidden facts costs its sender a probe: an unknown reference, a new id
    that is already taken, and a rule that refuses because of facts that the sender may not read.
    """
    match error:
        case OutOfStep():
            probing = error.taken
        case Refusal():
            probing = error.told
        case _:
            probing = True
    # The probe is counted before the first await, so that concurrent requests see the count.
    spent = app[EDGE].probes.spend(sender) if probing else None
    if not isinstance(error, OutOfStep):
        await app[AUDIT].refused(app, grant, command, context, error)
    if spent is not None:
        await app[AUDIT].paused(grant, spent)


async def _executed(
    app: web.Application, prepare: Preparer | None, command: Command, context: Context, grant: Grant
) -> Outcome:
    """Fill in the fields that clients never send, execute the command and return its outcome."""
    if names_file(type(command)):
        command = await with_file(app, command, grant)
    if prepare is None:
        return await app[COUNTER].execute(command, context)
    prepared = await _prepared(app, prepare, command, dry=context.dry)
    if context.dry:
        return await app[COUNTER].execute(prepared.command, context)
    return await _all_of(app, prepared, context)


async def _sealed(
    app: web.Application,
    seal: Sealer,
    command: Command,
    grant: Grant,
    key: str | None,
    *,
    dry: bool,
) -> Command:
    """Return the command with sealed personal data; the same key gives the same tokens.

    For a dry run the vault makes no key that it would keep.
    """
    fresh = uuid7(app[LEDGER].clock()).hex
    made_for = fresh if key is None else keyed_command_id(grant.actor(), key)
    return await with_vault(
        app, lambda vault: seal(command, UnkeptKeys() if dry else vault, made_for)
    )


async def with_vault(app: web.Application, work: Callable[[Vault], T]) -> T:
    """Run work on the vault in a thread and return its result. Raises 503 if that fails."""
    vault = app[VAULT]
    if vault is None:
        raise Unavailable("http.service-started-without-vault-personal-data")
    try:
        return await COMMANDS.run(lambda: work(vault))
    except StoreError as error:
        log.error("vault_failed", error=str(error))
        raise Unavailable("http.vault-could-not-read-written") from error


async def _finished(app: web.Application, finish: Finisher, position: int) -> None:
    """Do the work outside the ledger that follows from a recorded command."""
    try:
        await with_vault(app, lambda vault: finish(app[LEDGER].recorder, vault, app[EVIDENCE]))
    except Unavailable as error:
        raise Problem(
            "unfinished",
            message(
                "http.command-recorded-position-but-key-not", position=position, error=error.message
            ),
            headers={hdrs.RETRY_AFTER: "1"},
            position=position,
        ) from error


async def _prepared(
    app: web.Application, prepare: Preparer, command: Command, *, dry: bool
) -> Prepared:
    """Prepare a command in a thread, so that the sequencer and the event loop can continue."""
    desk = app[DESK]
    if desk is None:
        raise Unavailable("http.service-started-without-blob-store")
    if dry:
        desk = msgspec.structs.replace(desk, blobs=UnkeptBlobs(desk.blobs))
    try:
        pool = _PREPARED_IN.get(type(command), COMMANDS)
        return await pool.run(lambda: prepare(command, desk))
    except StoreError as error:
        log.error("preparing_failed", error=str(error))
        raise Unavailable("http.files-stored-ledger-cannot-read") from error


async def _all_of(app: web.Application, prepared: Prepared, context: Context) -> Outcome:
    """Record a prepared command and the commands that follow it; return the first outcome.

    After a crash only the first commands may be recorded; the same request sent again records the
    rest.
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
    """Return the header ``Idempotency-Key``. Raises a problem if it is too long or not ASCII."""
    if given is not None and not _KEY.match(given):
        raise Problem(
            "malformed",
            "http.header-idempotency-key-must-1-255-printable",
        )
    return given


def require_json(content_type: str) -> None:
    """Refuse a content type other than JSON in UTF-8."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise Problem(
            "unsupported-media-type",
            message("http.content-type-must-be-application-json", content_type=content_type),
            headers={"Accept-Post": "application/json"},
        )
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if "charset=" in charset and "charset=utf-8" not in charset:
        raise Problem("unsupported-media-type", "http.charset-json-must-be-utf-8")


def _require_own_entity(command: Command, grant: Grant) -> None:
    entity = command.entity  # type: ignore[attr-defined]
    if entity is not None and entity != grant.entity:
        raise Problem(
            "forbidden",
            message("http.token-acts-cannot-act", entity=grant.entity, given_entity=entity),
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
    # The position is that of the last event shown; a higher one would reveal how many are hidden.
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
    """Return whether the answer shows an event after the first, which the sender caused itself.

    The sender is shown events that it may read. It is also shown a finding that follows from its
    own confidential command, unless the finding rests on facts that it may not read.
    """
    event = record.event
    if grant.sees_record(record):
        return True
    confided = outcome.events[0].envelope.visibility == "sealed"
    if not (confided and isinstance(event, FindingRaised)):
        return False
    return not (event.confidential or event.rule_id in FOUND_IN_HIDDEN)


def _trial_answer(outcome: Outcome, grant: Grant) -> web.Response:
    """Return what would be recorded, as far as the sender may read it."""
    events = tuple(
        TrialEvent(
            type=record.envelope.type,
            schema_version=record.envelope.schema_version,
            occurred_at=record.envelope.occurred_at,
            visibility=record.envelope.visibility,
            legal_basis=record.envelope.legal_basis,
            policy_refs=record.envelope.policy_refs,
            body=msgspec.to_builtins(record.event, builtin_types=(), enc_hook=str)
            if shown
            else UNSET,
        )
        for index, record in enumerate(outcome.events)
        if (shown := shows(outcome, record, grant)) or index == 0
    )
    return json_response(Trial(events=events), headers={hdrs.CACHE_CONTROL: "no-store"})


def recorded_json(record: Recorded) -> bytes:
    """Return a record as JSON: its position, its envelope and its body."""
    envelope = _ENCODE(record.envelope)
    return b'{"position":%d,%b,"body":%b}' % (
        record.position,
        envelope[1:-1],
        _ENCODE(record.event),
    )
