"""The commands of ``supervision-ledger``.

Every command takes ``--ledger URL`` (or ``LEDGER_URL``), prints text for people or, with
``--json``, JSON for programs, and exits with 0 only if everything is in order.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from cyclopts import App, Parameter, validators

from api.cli import (
    calendar_commands,
    copies,
    draw_files,
    exchange_commands,
    log_commands,
    moving,
    takeon_commands,
    token_commands,
)
from api.cli.copies import check_bundle
from api.cli.demo import demo
from api.cli.terminal import (
    DEFAULT_URL,
    OPERATOR,
    Failed,
    Json,
    Port,
    Url,
    bar,
    say,
    show,
    tell,
    tolerate,
)
from api.cli.trouble import flushed, in_one_line, report_error
from api.cli.verifying import as_document, in_words, read_vkeys, verify_all
from api.console.identity import Identity, IdentityError, read_identity
from api.console.place import Environment, Place
from api.http.addresses import networks
from api.http.auditing import note_of
from api.http.front import Edge
from api.http.rates import PUBLIC_PER_MINUTE, Rates
from api.http.shares import PER_ADDRESS, Shares
from api.operations.health import MAX_LAG
from api.running.logs import Quiet, configure_logging
from api.running.server import require_free
from api.running.server import serve as serve_app
from api.running.threads import CLOSE_SECONDS, end_process_within
from api.running.timekeeping import Timekeeper
from api.service import Service
from api.webhooks.targets import Targets
from ledger import VERSION
from ledger.copies.backup import MANIFEST
from ledger.copies.moving import in_file, trial_of
from ledger.evidence import MOST, QUOTA
from ledger.general.vocabulary import PersonId
from ledger.intake.commands import RowRejected
from ledger.intake.mapping import RegisterMapping
from ledger.intake.own_lists import MappingError
from ledger.intake.run import ImportFailed, Report, check_register, import_register
from ledger.intake.sources import NOTHING_TOLD, SourceError, Told
from ledger.intake.statistics import statistics
from ledger.intake.wording import Language, in_language, language_of_terminal, named
from ledger.kernel import (
    Ledger,
    LegalRef,
    NotRecorded,
    Refusal,
)
from ledger.kernel.clock import Clock, system_clock
from ledger.kernel.contexts import make_context
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.memory import recorded_at
from ledger.opening import (
    UnusableUrl,
    is_postgres,
    ledger_path,
    open_accesses,
    open_ledger,
    open_recorder,
    open_vault,
)
from ledger.stores.naming import refuse_neighbour
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.takeover import refuse_earlier
from ledger.systems.persons.commands import ErasePerson
from ledger.systems.persons.erasure import destroy_keys
from ledger.systems.persons.events import ErasureReason
from ledger.transparency.policy import parse_policy
from ledger.verification.copies import verify_backup
from projections.follower import Follower
from projections.opening import Verified, open_own_views
from projections.watches.clock import tick as clock_tick

app = App(
    name="supervision-ledger",
    help="The record of administrative-enforcement supervision in one region (行政执法监督台账).",
    version=f"supervision-ledger {VERSION}",
)
for group in (
    token_commands.app,
    log_commands.log,
    log_commands.witness,
    draw_files.app,
    takeon_commands.app,
    exchange_commands.app,
    calendar_commands.app,
):
    app.command(group)
copies.register(app)
moving.register(app)
app.command(demo)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line, or ``words``; on error print a sentence and exit with 1 or 2."""
    # Only their owner may read the ledger, its views and its logs.
    os.umask(0o077)
    tolerate()
    # Standard output carries only results, because programs read it as JSON; logs go elsewhere.
    structlog.configure(processors=[in_one_line], logger_factory=lambda *_: Quiet())
    try:
        code: int | str | None = None
        try:
            app(sys.argv[1:] if words is None else words)
        except SystemExit as end:
            code = end.code
        except Failed:
            code = 1
        flushed()
    except BaseException as error:  # noqa: BLE001 - every error of a command is reported here
        code = report_error(error)
        with suppress(OSError):
            flushed()
    if code is not None:
        sys.exit(code)


@app.command
def serve(
    *,
    ledger: Url = DEFAULT_URL,
    host: str = "127.0.0.1",
    port: Port = 8080,
    origin: str | None = None,
    witnesses: Path | None = None,
    accept_lost_keys: bool = False,
    trusted_proxy: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    streams_per_address: Annotated[int, Parameter(validator=validators.Number(gte=1))] = (
        PER_ADDRESS
    ),
    language: Language = "zh",
    public_per_minute: Annotated[int, Parameter(validator=validators.Number(gte=1))] = (
        PUBLIC_PER_MINUTE
    ),
    confirm_clock: bool = False,
    max_lag: Annotated[int, Parameter(validator=validators.Number(gte=0))] = MAX_LAG,
    evidence_file: Annotated[int, Parameter(validator=validators.Number(gte=1))] = MOST >> 20,
    evidence_quota: Annotated[int, Parameter(validator=validators.Number(gte=1))] = QUOTA >> 20,
    webhooks_may_reach: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    region: str = "",
    environment: Environment = "production",
    identity: Path | None = None,
    quiet: bool = False,
) -> None:
    """Serve the ledger over HTTP until stopped (SIGTERM, Ctrl-C).

    Parameters
    ----------
    origin
        The name of the transparency log: the address where it is published, without a scheme, such
        as ledger.example.gov.cn/v1/log. Give it when the ledger is first served; it never changes.
        The CloudEvents source of the feed is made from it: https://ledger.example.gov.cn/v1/feed.
    witnesses
        A policy file (c2sp.org/tlog-policy): who is asked to cosign the log, and which signatures
        suffice.
    accept_lost_keys
        Serve although keys of registered persons are missing from the vault and lost for ever.
    trusted_proxy
        The address or network of a proxy in front of the service, whose X-Forwarded-For is
        believed. Repeat it for each proxy. Without it all clients of a proxy count as one address.
    streams_per_address
        How many streams and waiting reads of the feed one address may hold without a token.
    language
        The language of the answers to clients that do not ask for one with Accept-Language.
    public_per_minute
        How many reads a minute one address may send without a token; further ones are answered 429.
    confirm_clock
        Confirm the clock although it is behind the newest record; the access ledger records this.
    max_lag
        How many positions a view or the log may be behind while /readyz still says ready.
    evidence_file, evidence_quota
        The size limit of one evidence file, and of all evidence files together, in MiB.
    webhooks_may_reach
        A network of your own that webhooks may reach, and without TLS, such as 10.20.0.0/16. Repeat
        it for each network. Without it webhooks reach only public addresses, over https.
    region
        The name of the district or city that the pages of the console show.
    environment
        Whether the console says that this is the ledger of record (in red), a trial or a
        demonstration.
    identity
        A file (docs/operating.md) that names an OpenID provider by which persons sign in to the
        console, and what its claims mean here.
    """
    provider = None if identity is None else _read_identity(identity)
    policy = None if witnesses is None else parse_policy(witnesses.read_bytes())
    require_free(host, port)
    try:
        edge = Edge(
            trusted=networks(trusted_proxy),
            shares=Shares(per_address=streams_per_address),
            language=language,
            public_reads=Rates(public_per_minute, name="public"),
        )
    except ValueError as error:
        say(f"supervision-ledger: --trusted-proxy must be an address or a network: {error}", "red")
        raise Failed from error
    try:
        targets = Targets(networks(webhooks_may_reach))
    except ValueError as error:
        say(f"supervision-ledger: --webhooks-may-reach must be a network: {error}", "red")
        raise Failed from error
    writer = configure_logging(level=logging.WARNING if quiet else logging.INFO)
    with Service(
        ledger,
        ticking=True,
        targets=targets,
        origin=origin,
        witnesses=policy,
        accept_lost_keys=accept_lost_keys,
        timekeeper=Timekeeper(),
        max_lag=max_lag,
        evidence_most=evidence_file << 20,
        evidence_quota=evidence_quota << 20,
        place=Place(region, environment),
        identity=provider,
    ) as service:
        if confirm_clock:
            service.confirm_clock(OPERATOR)
        shown = service.recorder.place if is_postgres(ledger) else ledger  # without a password
        greeting = "" if quiet else f"serving {shown} on http://{host}:{port}/"

        def ready() -> None:
            # Through the log's writer: if nobody reads standard error, print would block.
            if greeting:
                writer.error(greeting.encode())

        serve_app(service.app(edge), host, port, ready=ready)
        closing = end_process_within(CLOSE_SECONDS)
    closing.cancel()


def _read_identity(path: Path) -> Identity:
    try:
        return read_identity(path)
    except IdentityError as error:
        say(f"supervision-ledger: {error}", "red")
        raise Failed from error


@app.command(name="import")
def import_(
    register: str,
    folder: Path | None = None,
    /,
    *,
    mapping: str | None = None,
    ledger: Url = DEFAULT_URL,
    strict: bool = False,
    rejects: Path | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    language: Language | None = None,
    json: Json = False,
) -> None:
    """Import an existing register, or a region's own list of businesses, through a mapping.

    Parameters
    ----------
    register
        The mapping: sf-food, nyc-restaurants or jp-labour, or your own file with a name that ends
        in .toml. Leave it out if you give --mapping.
    folder
        The folder with the register's files, which the mapping finds by their names; or one file.
    mapping
        The mapping, instead of the first argument.
    strict
        Stop at the first row that must be rejected, instead of continuing with the others.
    rejects
        Where to write the rejected rows; by default next to the ledger.
    sheet
        The sheet to read if a workbook has several sheets with the register's columns, or none.
    encoding
        The encoding of text files, if it cannot be detected: gb18030, utf-16-le, shift_jis.
    dry_run
        Import into a temporary copy: print the report, write the rejects, record nothing.
    language
        The language of the report and the rejects; by default the terminal's.
    """
    spoken = language or language_of_terminal()
    path = Path("ledger") if is_postgres(ledger) else ledger_path(ledger)
    try:
        name, source = _named_or_first(register, folder, mapping)
        known = check_register(name, source)  # fail before a ledger is created
        if rejects is not None:
            refuse_neighbour(rejects.absolute())
        with (
            trial_of(ledger) if dry_run else nullcontext(ledger) as url,
            open_recorder(url, tell=say) as recorder,
            open_ledger(recorder) as opened,
        ):
            report = _import(
                opened,
                known,
                source,
                rejects or path.with_name(f"{path.name}.{known.name}.rejects.csv"),
                strict=strict,
                silent=json,
                told=Told(encoding, sheet),
                language=spoken,
            )
    except (ImportFailed, MappingError, RowRejected, SourceError) as error:
        say(f"supervision-ledger: {in_language(str(error), spoken)}", "red")
        sys.exit(2)
    report.dry_run = dry_run
    shown = msgspec.to_builtins(report)
    show(shown if json else named(shown, spoken), json)


@app.command
def stats(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Count the contents of the ledger: events, businesses, imports, findings, events by type."""
    with open_recorder(ledger, create=False, read_only=True) as recorder:
        show(statistics(recorder), json)


@app.command
def verify(
    path: Path | None = None,
    *,
    ledger: Url = DEFAULT_URL,
    key: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    witness: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    workers: int | None = None,
    json: Json = False,
) -> None:
    """Check that records, log, draws, scores and views are unchanged and consistent.

    This checks the records and their tags, the tiles and signed checkpoints of the log with their
    cosignatures, every draw, every monthly score (calculated again), the access ledger and the
    views. It changes nothing and can run while the ledger is served. The exit code is 0 if
    everything is in order, 1 if there is a fault (the first one is printed first), and 3 if a part
    of a bundle could not be checked.

    Parameters
    ----------
    path
        A backup, or a bundle written by `export`; it is checked in place, without a ledger or a
        network. Without a path, the ledger is checked.
    key
        A public key of the log that you know, as published at /v1/log/key; repeat it for each key.
        By default the key in the key file next to the ledger, or the key in the backup or bundle.
    witness
        The public key of a witness; its cosignatures are checked. Repeat it for each witness.
    workers
        The number of processes; by default the number of processor cores.
    """
    keys, witnesses = read_vkeys(key), read_vkeys(witness)
    if path is not None and not (path / MANIFEST).exists():
        if len(key) > 1 or witness:
            raise UnusableUrl(
                f"a bundle can be checked with one --key and without --witness; {path} is a bundle"
            )
        check_bundle(path, key[0] if key else None, json)
        return
    with bar("records", None, silent=json) as advance:

        def progress(label: str, done: int, total: int | None) -> None:
            advance(done, label=label, total=total)

        if path is not None:
            views: list[Verified] = []
            result = verify_backup(
                path, keys=keys, witnesses=witnesses, workers=workers, progress=progress
            )
        else:
            with open_recorder(ledger, create=False, read_only=True) as recorder:
                refuse_earlier(recorder)
                with in_file(ledger, parts=moving.PARTS, secrets=True) as file:
                    result, views = verify_all(
                        recorder,
                        file,
                        keys=keys,
                        witnesses=witnesses,
                        workers=workers,
                        progress=progress,
                    )
    if json:
        sys.stdout.write(as_document(result, views) + "\n")
    else:
        for line, style in in_words(result, views):
            tell(line, style)
    if result.faults or not all(view.same for view in views):
        raise Failed


@app.command
def rebuild(view: str | None = None, *, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Rebuild a view (or all views) from the ledger, and print the digest of each.

    Stop the service first: only one process at a time may write the views.
    """
    with (
        open_recorder(ledger, create=False, tell=say) as recorder,
        closing(open_own_views(recorder)) as views,
        Follower(recorder.acknowledged(), views) as follower,
    ):
        names = [view] if view else list(views.views)
        for name in names:
            if name not in views.views:
                raise UnusableUrl(f"--view must be one of {', '.join(views.views)}; it is {name!r}")
        # Views that are rebuilt together read each event once, so the total is the head.
        with bar("rebuilding", recorder.head(), silent=json) as advance:
            follower.on_commit(lambda _, keys, last: advance(last, label=f"rebuilding {_}"))
            follower.rebuild(*names)
            follower.catch_up()
        digests = {name: views.digest(name) for name in names}
    show({n: {"position": p, "digest": d} for n, (p, d) in digests.items()}, json)


@app.command
def tick(
    *,
    at: datetime | None = None,
    rehearsal: bool = False,
    ledger: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Record what has become due: missed and moved deadlines, and their legal consequences.

    The service does this every minute; use this command for a ledger that is not being served.

    Parameters
    ----------
    at
        Tick as of this moment (Shanghai time, unless it has an offset) instead of now. It must not
        be earlier than the last record.
    rehearsal
        Allow ``at`` to be in the future. The records are permanent: never use it on a real ledger.
    """
    with (
        open_recorder(ledger, create=False, tell=say) as recorder,
        open_ledger(recorder, clock=_clock_at(recorder, at, rehearsal)) as opened,
        closing(open_own_views(recorder)) as views,
        Follower(recorder.acknowledged(), views) as follower,
    ):
        recorded: list[str] = []
        while True:  # the records of one round may make further deadlines due
            follower.catch_up()
            new = [tick for tick in clock_tick(opened, views) if tick.events and not tick.repeated]
            if not new:
                break
            recorded += [r.envelope.type for outcome in new for r in outcome.events]
    show({"recorded": len(recorded), "types": recorded}, json)


def _clock_at(recorder: LedgerRecorder, at: datetime | None, rehearsal: bool) -> Clock:
    """Return a clock that shows ``at``, if a further record may have that time."""
    if at is None:
        return system_clock
    moment = at.replace(tzinfo=CIVIL_ZONE) if at.tzinfo is None else at
    last = recorded_at(recorder, recorder.head())
    if last is not None and moment < last:
        raise UnusableUrl(
            "--at must not be earlier than the last record, which is of "
            f"{last.astimezone(CIVIL_ZONE).isoformat()}; it is {moment.isoformat()}"
        )
    if moment > system_clock() and not rehearsal:
        raise UnusableUrl(
            f"--at must not be in the future; it is {moment.isoformat()}. It would record "
            "deadlines as missed that can still be met. For a rehearsal on a test ledger, add "
            "--rehearsal."
        )
    return lambda: moment


@app.command
def erase(
    person: str,
    *,
    reason: ErasureReason,
    law: str = "个人信息保护法",
    article: str = "Art. 47",
    ledger: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Erase a natural person for good: record the erasure, then destroy the key to the sealed data.

    If it is interrupted, run it again: it continues from there. The service may be running.

    Parameters
    ----------
    person
        The token that stands for the person, psn-…: the answer to register-person contains it, and
        so does the complaint, application or case.
    reason
        The reason, in the terms of 个人信息保护法 Art. 47.
    law, article
        The law, and its article, that requires the erasure.
    """
    try:
        token = msgspec.convert(person, PersonId)
    except msgspec.ValidationError as error:
        # Do not repeat the argument: it may be a name, and terminal output is often kept.
        say(f"supervision-ledger: {_NOT_A_PERSON}", "red")
        raise Failed from error
    with (
        open_recorder(ledger, create=False, tell=say) as recorder,
        open_ledger(recorder) as opened,
        open_vault(recorder) as vault,
    ):
        command = ErasePerson(
            person=token,
            reason=reason,
            legal_basis=(LegalRef(instrument=law, article=article),),
        )
        context = make_context(command, OPERATOR, opened.clock())
        try:
            outcome = opened.submit(command, context).result()
        except Refusal as error:
            with (
                open_accesses(recorder) as accesses,
                Ledger(accesses, clock=opened.clock) as access,
            ):
                access.execute(note_of(command, context, error), OPERATOR)
            say(f"supervision-ledger: {error}", "red")
            say(f"{error.hint}\n{error.rule.law}")
            raise Failed from error
        except NotRecorded as error:
            say(f"supervision-ledger: {error}", "red")
            raise Failed from error
        destroyed = destroy_keys(recorder, vault)
    show({"person": person, "recorded": len(outcome.events), "keys_destroyed": destroyed}, json)


_NOT_A_PERSON = (
    "PERSON must be a token: psn- and 32 digits, never a name or a number. The answer to "
    "register-person has it as `person`; a complaint names it as `complainant`, an application as "
    "`applicant`, a case as `person`."
)


def _named_or_first(first: str, folder: Path | None, mapping: str | None) -> tuple[str, Path]:
    """Return the mapping and the folder of an import, named by --mapping or the first argument."""
    if mapping is None and folder is not None:
        return first, folder
    if mapping is not None and folder is None:
        return mapping, Path(first)
    raise ImportFailed("Name a mapping and a folder or file: import MAPPING FOLDER.")


def _import(
    opened: Ledger,
    mapping: str | RegisterMapping,
    folder: Path,
    rejects: Path | None,
    *,
    strict: bool,
    silent: bool = False,
    told: Told = NOTHING_TOLD,
    language: Language = "en",
) -> Report:
    name = mapping if isinstance(mapping, str) else mapping.name
    with bar(f"importing {name}", None, silent=silent) as advance:
        return import_register(
            opened,
            mapping,
            folder,
            actor=OPERATOR,
            strict=strict,
            rejects=rejects,
            told=told,
            language=language,
            progress=lambda now: advance(now.rows_done, label=f"{now.step}: {now.file}"),
        )
