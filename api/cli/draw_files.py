"""``supervision-ledger draw``: write draws to files, and check such files without a ledger."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from api.cli.terminal import DEFAULT_URL, INCOMPLETE, Failed, Json, Url, say, show, tell
from ledger.kernel import civil_date
from ledger.kernel.clock import system_clock
from ledger.opening import UnusableUrl, open_recorder
from ledger.stores.files import private_file
from ledger.stores.naming import refuse_neighbour
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.takeover import refuse_earlier
from ledger.systems.draws import checking
from projections.drawing.files import Archive, draw_file, open_archive
from projections.systems.draws import DrawProgress

app = App(name="draw", help="Write draws to files, and check such files without a ledger.")

Keys = Annotated[
    tuple[str, ...],
    Parameter(name="--key", negative="", help="the log's key, <name>+<id>+<key>; may be repeated"),
]
Witnesses = Annotated[
    tuple[str, ...],
    Parameter(
        name="--witness",
        negative="",
        help="the key of a witness that must have cosigned; repeat it for each",
    ),
]


@app.command(name="export")
def export_draw(
    draw: str,
    *,
    to: Annotated[Path | None, Parameter(name="--out")] = None,
    sealed: bool = False,
    ledger: Url = DEFAULT_URL,
) -> None:
    """Write a draw to a file that everyone can check; to standard output without --out.

    Parameters
    ----------
    to
        The file to write.
    sealed
        Include what the public may not see yet or ever: for the unit and the Justice Bureau only.
    """
    with (
        open_recorder(ledger, create=False, read_only=True) as recorder,
        _archive(recorder) as archive,
    ):
        progress = archive.now(DrawProgress(draw))
        if not progress.exists:
            raise UnusableUrl(f"DRAW must be a draw announced in this ledger; it is {draw}")
        published = progress.opened(civil_date(system_clock()))
        whole = sealed or (published and progress.withhold_reason is None)
        file = draw_file(progress, archive, whole=whole, officers=sealed)
    content = msgspec.json.encode(file)
    if to is None:
        sys.stdout.buffer.write(content)
    else:
        refuse_neighbour(to.absolute())
        private_file(to)
        to.write_bytes(content)
        say(f"{to}: {len(content):,} bytes")
    if file.withheld:
        say(f"left out the roster and the selection: {file.withheld}")


@contextmanager
def _archive(recorder: LedgerRecorder) -> Iterator[Archive]:
    refuse_earlier(recorder)
    with open_archive(recorder) as archive:
        yield archive


@app.command(name="verify")
def verify_draw(file: Path, *, key: Keys = (), witness: Witnesses = (), json: Json = False) -> None:
    """Repeat the draw in a file and name the first difference; needs no ledger and no network.

    The exit code is 0 if everything was checked and is right, 1 if something differs, and 3 if
    nothing differs but something could not be checked.
    """
    _show_report(checking.verify(file.read_bytes(), keys=key, witnesses=witness), json)


@app.command(name="check-receipt")
def check_receipt(
    file: Path, *, key: Keys = (), witness: Witnesses = (), json: Json = False
) -> None:
    """Check a business's receipt of a draw; the exit codes are those of ``draw verify``."""
    _show_report(checking.check_receipt(file.read_bytes(), keys=key, witnesses=witness), json)


def _show_report(report: checking.Report, as_json: bool) -> None:
    if as_json:
        show(msgspec.to_builtins(report) | {"complete": report.complete}, as_json)
    else:
        for held in report.held:
            tell(f"✓ {held}", "green")
        for unchecked in report.unchecked:
            say(f"? {unchecked}", "yellow")
        for beyond in report.beyond:
            say(f"· {beyond}")
        if report.differs is not None:
            say(f"✗ {report.differs}", "red")
    if report.differs is not None:
        raise Failed
    if not report.complete:
        sys.exit(INCOMPLETE)
