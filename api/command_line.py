"""The command line: ``supervision-ledger``.

Every command takes ``--ledger URL`` (or ``LEDGER_URL``), prints for people or, with ``--json``, for
machines, and exits with 0 only when all is well.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.logs import configure_logging
from api.server import serve as serve_app
from api.service import Service
from api.tokens import Tokens
from ledger.draws import drawfile
from ledger.entities.events import EntityRegistered, EntityRevised
from ledger.intake.commands import RowRejected
from ledger.intake.run import ImportFailed, Report, check_register, import_register
from ledger.intake.sample import sample_folder
from ledger.intake.sources import SourceError
from ledger.intake.statistics import statistics
from ledger.kernel import Actor, Ledger, RecordCorrected, civil_date, codec
from ledger.kernel.clock import Clock, system_clock
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.opening import UnusableUrl, beside, ledger_path, open_ledger, open_recorder
from ledger.stores import StoreError
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.keys import KeyFileError
from ledger.verification import verify_records
from ledger.vocabulary import Role
from projections.clock import tick as clock_tick
from projections.drawfiles import draw_file, open_archive
from projections.draws import DrawProgress
from projections.follower import Follower
from projections.opening import open_views, verify_views
from projections.tables import Followed

Url = Annotated[
    str,
    Parameter(
        name="--ledger", env_var="LEDGER_URL", help="sqlite:///file.db or sqlite:////srv/file.db"
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="print JSON, for machines")]

DEFAULT_URL = "sqlite:///ledger.db"

#: Who acts when somebody at a terminal does.
OPERATOR = Actor(unit_id="LEDGER", person_id="operator", role="ledger_clock")

app = App(
    name="supervision-ledger",
    help="The record of administrative-enforcement supervision in one region (行政执法监督台账).",
)
token = App(name="token", help="Create, list and revoke access tokens.")
app.command(token)
draw = App(name="draw", help="Hand out draws as files, and check such files without a ledger.")
app.command(draw)

out = Console()
err = Console(stderr=True)


class Failed(Exception):
    """The command has said what is wrong; the exit code is 1."""


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line, or ``words``; errors become one clear line and exit code 1 or 2."""
    # Ledgers, views and logs hold what only their owner may read.
    os.umask(0o077)
    try:
        app(sys.argv[1:] if words is None else words)
    except Failed:
        sys.exit(1)
    except (
        UnusableUrl,
        ImportFailed,
        RowRejected,
        SourceError,
        Followed,
        StoreError,
        KeyFileError,
        OSError,
    ) as error:
        err.print(f"supervision-ledger: {error}", style="red", highlight=False, markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command
def serve(
    *,
    ledger: Url = DEFAULT_URL,
    host: str = "127.0.0.1",
    port: int = 8080,
    origin: str | None = None,
    quiet: bool = False,
) -> None:
    """Serve the ledger over HTTP until it is told to stop (SIGTERM, Ctrl-C).

    Parameters
    ----------
    origin
        The name of its transparency log, given when it is first served and never changed: where
        it is found, without a scheme, as in ledger.example.gov.cn/v1/log.
    """
    configure_logging(level=logging.WARNING if quiet else logging.INFO)
    with Service(ledger, ticking=True, origin=origin) as service:
        said = "" if quiet else f"serving {ledger} on http://{host}:{port}/"
        serve_app(service.app(), host, port, ready=lambda: _say(said))


@app.command
def demo(*, folder: Path = Path("demo"), host: str = "127.0.0.1", port: int = 8080) -> None:
    """Load the sample register into a ledger of its own and serve it: the quickest way to look."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'ledger.db'}"
    out.print(f"ledger: {url}", highlight=False)
    with open_recorder(url) as recorder, open_ledger(recorder) as opened:
        _import(opened, "sf-food", sample_folder(), None, strict=False)
    configure_logging((folder / "log.jsonl").open("ab"))
    with Service(url, ticking=True) as service:
        _follow(service.follower, service.recorder.head())
        tomorrow = civil_date(service.ledger.clock()) + timedelta(days=1)
        supervisor = service.tokens.create(
            "JB", "demo-supervisor", "jb_supervisor", expires_on=tomorrow
        )
        example = _example(service.recorder)
        serve_app(
            service.app(),
            host,
            port,
            ready=lambda: _greet(f"http://{host}:{port}", supervisor, example, folder),
        )


@app.command(name="import")
def import_(
    mapping: str,
    folder: Path,
    *,
    ledger: Url = DEFAULT_URL,
    strict: bool = False,
    rejects: Path | None = None,
    json: Json = False,
) -> None:
    """Import an existing register through a mapping: sf-food, nyc-restaurants or jp-labour.

    Parameters
    ----------
    mapping
        The mapping's name.
    folder
        Where the register's files lie; the mapping finds them by pattern.
    strict
        Stop at the first row that cannot be taken, instead of going on with the rest.
    rejects
        Where to write the rows that could not be taken; beside the ledger by default.
    """
    check_register(mapping, folder)  # before a ledger is made for nothing
    with open_recorder(ledger) as recorder, open_ledger(recorder) as opened:
        target = rejects or ledger_path(ledger).with_suffix(f".{mapping}.rejects.csv")
        report = _import(opened, mapping, folder, target, strict=strict, silent=json)
    _show(msgspec.to_builtins(report), json)


@app.command
def stats(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Count what the ledger holds: events, businesses, imports, findings, events by type."""
    with open_recorder(ledger, create=False) as recorder:
        _show(statistics(recorder), json)


@app.command
def verify(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Check every record, position and tag, and that the views say what the ledger says.

    The exit code is 1 if anything is wrong; the first bad position is named.
    """
    with open_recorder(ledger, create=False) as recorder:
        with _bar("records", recorder.head(), silent=json) as advance:
            found = verify_records(recorder, progress=advance)
        faults = [{"position": f.position, "what": f.what} for f in found.faults]
        views = [] if faults else _verify_views(ledger, recorder)
    result = {"records": found.records, "faults": faults, "views": views}
    if json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        for fault in faults:
            err.print(f"position {fault['position']}: {fault['what']}", style="red", markup=False)
        for view in views:
            says = "as the ledger has it" if view["same"] else "differs from the ledger: rebuild it"
            out.print(
                f"view {view['view']} at {view['position']}: {view['error'] or says}",
                style="green" if view["same"] else "red",
                highlight=False,
            )
        if not faults:
            out.print(f"{found.records:,} records are as they were recorded", style="green")
    if faults or not all(view["same"] for view in views):
        raise Failed


@app.command
def rebuild(view: str | None = None, *, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Build a view (or all) anew from the ledger, and print the digest of each.

    Stop the service first: only one process may follow into the same tables.
    """
    with (
        open_recorder(ledger, create=False) as recorder,
        closing(open_views(ledger)) as views,
        Follower(recorder, views) as follower,
    ):
        names = [view] if view else list(views.views)
        for name in names:
            if name not in views.views:
                raise UnusableUrl(f"no view {name!r}; there are {', '.join(views.views)}")
        follower.rebuild(*names)
        follower.catch_up()
        digests = {name: views.digest(name) for name in names}
    _show({n: {"position": p, "digest": d} for n, (p, d) in digests.items()}, json)


@app.command
def tick(
    *,
    at: datetime | None = None,
    rehearsal: bool = False,
    ledger: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Record what has fallen due: missed deadlines, moved ones, and what follows by law.

    The service does this by itself every minute; this is for a ledger that is not being served.

    Parameters
    ----------
    at
        Tick as at this moment (Shanghai time unless it names an offset) instead of now. It may not
        lie before what was recorded last.
    rehearsal
        Let ``at`` lie in the future. What is recorded then stays: never on a ledger that counts.
    """
    with (
        open_recorder(ledger, create=False) as recorder,
        open_ledger(recorder, clock=_clock_at(recorder, at, rehearsal)) as opened,
        closing(open_views(ledger)) as views,
        Follower(recorder, views) as follower,
    ):
        recorded: list[str] = []
        while True:  # what follows from one deadline may have been due by now as well
            follower.catch_up()
            new = [one for one in clock_tick(opened, views) if one.events and not one.repeated]
            if not new:
                break
            recorded += [r.envelope.type for outcome in new for r in outcome.events]
    _show({"recorded": len(recorded), "types": recorded}, json)


def _clock_at(recorder: SQLiteRecorder, at: datetime | None, rehearsal: bool) -> Clock:
    """A clock that shows ``at``, if that can be the time of a further record."""
    if at is None:
        return system_clock
    moment = at.replace(tzinfo=CIVIL_ZONE) if at.tzinfo is None else at
    for last in recorder.read(after=recorder.head() - 1, limit=1):
        recorded_at = codec.decode(last.position, last.event.data).envelope.recorded_at
        if moment < recorded_at:
            raise UnusableUrl(
                f"--at {moment.isoformat()} lies before the last record, of "
                f"{recorded_at.astimezone(CIVIL_ZONE).isoformat()}; time in a ledger only goes on"
            )
    if moment > system_clock() and not rehearsal:
        raise UnusableUrl(
            f"--at {moment.isoformat()} lies in the future: it would record as missed what may "
            "still be done. On a ledger that is only a rehearsal add --rehearsal."
        )
    return lambda: moment


@token.command
def create(
    unit: str,
    person: str,
    role: Role,
    *,
    entity: str | None = None,
    expires_on: date | None = None,
    ledger: Url = DEFAULT_URL,
) -> None:
    """Create a token for a person of a unit in a role; it is shown this once."""
    with Tokens.open(beside(ledger_path(ledger), "tokens")) as tokens:
        try:
            out.print(
                tokens.create(unit, person, role, entity=entity, expires_on=expires_on),
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
        except ValueError as error:
            raise UnusableUrl(str(error)) from error


@token.command(name="list")
def list_(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """List all tokens ever created, without the tokens themselves."""
    with Tokens.open(beside(ledger_path(ledger), "tokens")) as tokens:
        _show([msgspec.to_builtins(entry) for entry in tokens.list()], json)


@token.command
def revoke(token: str, *, ledger: Url = DEFAULT_URL) -> None:
    """Revoke a token, by itself or by its id from ``token list``; it ends within seconds."""
    with Tokens.open(beside(ledger_path(ledger), "tokens")) as tokens:
        if not tokens.revoke(token):
            raise UnusableUrl("no token like that is still good; see token list")


Keys = Annotated[
    tuple[str, ...],
    Parameter(name="--key", negative="", help="the log's key, <name>+<id>+<key>; may be repeated"),
]
Witnesses = Annotated[
    tuple[str, ...],
    Parameter(name="--witness", negative="", help="a witness's key that has to have cosigned"),
]

#: The exit code where nothing differs and not everything could be checked.
INCOMPLETE = 3


@draw.command(name="export")
def export_draw(
    draw: str, *, out: Path | None = None, sealed: bool = False, ledger: Url = DEFAULT_URL
) -> None:
    """Write a draw as a file that anybody can check; to standard output without --out.

    Parameters
    ----------
    out
        Where to write it.
    sealed
        Also what the public may not see yet, or at all: for the unit and the Justice Bureau.
    """
    with open_recorder(ledger, create=False) as recorder, open_archive(recorder) as archive:
        progress = archive.now(DrawProgress(draw))
        if not progress.exists:
            raise UnusableUrl(f"no draw {draw} was announced in this ledger")
        published = progress.opened(civil_date(system_clock()))
        whole = sealed or (published and progress.withhold_reason is None)
        file = draw_file(progress, archive, whole=whole, officers=sealed)
    content = msgspec.json.encode(file)
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)
        _say(f"{out}: {len(content):,} bytes")
    if file.withheld:
        _say(f"without the roster and the selection: {file.withheld}")


@draw.command(name="verify")
def verify_draw(file: Path, *, key: Keys = (), witness: Witnesses = (), json: Json = False) -> None:
    """Make the draw of a file again, and name the first thing that differs; no ledger, no network.

    The exit code is 0 when everything was checked and holds, 1 when something differs, and 3 when
    nothing differs and something could not be checked.
    """
    _show_report(drawfile.verify(file.read_bytes(), keys=key, witnesses=witness), json)


@draw.command(name="check-receipt")
def check_receipt(
    file: Path, *, key: Keys = (), witness: Witnesses = (), json: Json = False
) -> None:
    """Check a business's receipt of a draw; the exit codes are those of ``draw verify``."""
    _show_report(drawfile.check_receipt(file.read_bytes(), keys=key, witnesses=witness), json)


def _show_report(report: drawfile.Report, as_json: bool) -> None:
    if as_json:
        _show(msgspec.to_builtins(report) | {"complete": report.complete}, as_json)
    else:
        for one in report.held:
            out.print(f"✓ {one}", style="green", highlight=False, markup=False)
        for one in report.unchecked:
            err.print(f"? {one}", style="yellow", highlight=False, markup=False)
        if report.differs is not None:
            err.print(f"✗ {report.differs}", style="red", highlight=False, markup=False)
    if report.differs is not None:
        raise Failed
    if not report.complete:
        sys.exit(INCOMPLETE)


def _import(
    opened: Ledger,
    mapping: str,
    folder: Path,
    rejects: Path | None,
    *,
    strict: bool,
    silent: bool = False,
) -> Report:
    with _bar(f"importing {mapping}", None, silent=silent) as advance:
        return import_register(
            opened,
            mapping,
            folder,
            actor=OPERATOR,
            strict=strict,
            rejects=rejects,
            progress=lambda now: advance(now.rows_done, what=f"{now.step}: {now.file}"),
        )


def _follow(follower: Follower, head: int) -> None:
    with _bar("profiles", head) as advance:
        while not follower.wait_for(head, 0.2):
            advance(min(h.position for h in follower.health()))


def _verify_views(url: str, recorder: SQLiteRecorder) -> list[dict[str, Any]]:
    with closing(open_views(url)) as views:
        found = verify_views(recorder, views)
    return [msgspec.to_builtins(one) | {"same": one.same} for one in found]


def _example(recorder: SQLiteRecorder) -> str:
    """A business worth looking at: one whose register later corrected itself, if there is one."""
    for topic in (RecordCorrected.TOPIC, EntityRevised.TOPIC, EntityRegistered.TOPIC):
        for found in recorder.read(as_query([Selector((topic,), ())]), limit=1):
            for tag in found.event.tags:
                if tag.startswith("entity:"):
                    return tag.removeprefix("entity:")
    raise UnusableUrl("the sample register holds no business")


def _say(line: str) -> None:
    if line:
        err.print(line, highlight=False, soft_wrap=True)


def _greet(address: str, supervisor: str, entity: str, folder: Path) -> None:
    out.print(f"\naddress  {address}/", highlight=False, soft_wrap=True)
    out.print(f"token    {supervisor}", highlight=False, soft_wrap=True)
    out.print("\nA business's credit profile, its audit trail, and the live feed:\n")
    auth = f'-H "Authorization: Bearer {supervisor}"'
    for line in (
        f"curl -s {auth} {address}/v1/entities/{entity}/profile",
        f"curl -s {auth} {address}/v1/entities/{entity}/trail",
        f'curl -sN {auth} -H "Accept: text/event-stream" "{address}/v1/feed?after=0"',
    ):
        out.print(line, soft_wrap=True, highlight=False, markup=False)
    out.print(f"\nlog: {folder / 'log.jsonl'}   stop: Ctrl-C", highlight=False)


@contextmanager
def _bar(what: str, total: int | None, *, silent: bool = False) -> Iterator[Any]:
    """A progress bar on a terminal; gives a function that takes how far it is, and in what."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=silent or not err.is_terminal) as progress:
        task = progress.add_task(what, total=total)

        def advance(done: int, what: str = what) -> None:
            progress.update(task, completed=done, description=what)

        yield advance
        progress.update(task, completed=progress.tasks[0].total or progress.tasks[0].completed)


def _show(what: Any, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(what)).decode() + "\n")
        return
    if isinstance(what, list):
        table = Table()
        for column in what[0] if what else ("nothing",):
            table.add_column(column, overflow="fold")
        for row in what:
            table.add_row(*("" if v is None else str(v) for v in row.values()))
        out.print(table)
        return
    table = Table(show_header=False)
    for key, value in what.items():
        lines = value.items() if isinstance(value, dict) else ()
        table.add_row(str(key), "\n".join(f"{k}: {v}" for k, v in lines) or str(value))
    out.print(table)
