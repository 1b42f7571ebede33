"""``supervision-ledger takeon``: tables of opening facts, which one person enters and a second
person confirms.

Each of them sends commands to a running service with their own token, so the service applies all
its rules and checks their roles. An interrupted run can be repeated: it finds rows that were
already entered or confirmed, and does not send them again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
from cyclopts import App, Parameter

from api.cli.remote import DEFAULT_SERVICE, Client, Service, TokenFile, words_of
from api.cli.takeon_tables import KINDS, Fault, Kind, TableRow, rows_of
from api.cli.terminal import Failed, Json, bar, say, show
from ledger.opening import UnusableUrl
from ledger.systems.takeon.events import FactKind

app = App(name="takeon", help="Take over records of an older system, from tables (启用日, 期初).")

Rejects = Annotated[
    Path | None,
    Parameter(name="--rejects", help="where to write the rejected rows, with the reasons"),
]


@app.command
def columns(kind: FactKind, *, json: Json = False) -> None:
    """List the columns of a table of opening facts; a file may use either name of a column."""
    show(
        [
            {
                "name": column.name,
                "chinese": column.chinese,
                "required": "yes" if column.required else "",
                "says": (column.read.__doc__ or "").strip().split("\n")[0],
            }
            for column in KINDS[kind].columns
        ],
        json,
    )


@app.command
def enter(
    kind: FactKind,
    table: Path,
    *,
    takeon: str,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    rejects: Rejects = None,
    json: Json = False,
) -> None:
    """Enter the rows of a table as opening facts; they take effect only when confirmed.

    The exit code is 0 only if no row was rejected. Correct the table and run it again: rows
    entered earlier are recognised.

    Parameters
    ----------
    kind
        The content of the table: penalty, commitment, designation or deadline.
    table
        A CSV file or a spreadsheet; `takeon columns KIND` lists its columns.
    takeon
        The take-on to which the rows belong, as opened with takeon/open-take-on.
    dry_run
        Report what would be entered and rejected, but enter nothing. Only real entering checks the
        service's rules.
    """
    with closing(Client(service, token_file)) as client:
        sending = _Entering(client, KINDS[kind], takeon, dry_run)
        _run(sending, table, rejects=rejects, json=json)


@app.command
def confirm(
    kind: FactKind,
    table: Path,
    *,
    takeon: str,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    rejects: Rejects = None,
    json: Json = False,
) -> None:
    """Confirm what another person entered, row by row against your own copy of the table.

    A row is confirmed only if the entered data equals the data in your table.

    Parameters
    ----------
    kind
        The content of the table: penalty, commitment, designation or deadline.
    table
        Your copy of the table.
    takeon
        The take-on to which the rows belong.
    dry_run
        Only compare; confirm nothing.
    """
    with closing(Client(service, token_file)) as client:
        sending = _Confirming(client, KINDS[kind], takeon, dry_run)
        _run(sending, table, rejects=rejects, json=json)


class Report(msgspec.Struct):
    """The counts of a run over a table."""

    rows: int = 0
    done: int = 0
    known: int = 0
    rejected: int = 0
    rejects: str | None = None


class _Rejected(Exception):
    """A row is rejected, by the service or the comparison; names the reason and the column."""

    def __init__(self, reason: str, column: str = "") -> None:
        self.fault = Fault(reason, column)
        super().__init__(reason)


class _Sending:
    """Handles each row, and knows which rows the service has already."""

    def __init__(self, client: Client, kind: Kind, takeon: str, dry_run: bool) -> None:
        self._client, self.kind, self.takeon, self._dry = client, kind, takeon, dry_run
        opened, _ = client.get(f"/v1/take-ons/{quote(takeon, safe='')}")
        if opened["stage"] != "open":
            raise UnusableUrl(f"take-on {takeon} was closed on {opened['closed_on']}")
        self._requests: dict[str, list[dict[str, Any]]] = {}
        for request in self._all(f"/v1/approvals?limit=200&command={kind.command.NAME}"):
            body = request.get("body", {})
            if body.get("takeon") == takeon and request["stage"] in ("pending", "approved"):
                self._requests.setdefault(body.get("ref", ""), []).append(request)

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield every item of a list, page by page."""
        next_page: str | None = path
        while next_page is not None:
            page, link = self._client.get(next_page)
            yield from page["items"]
            next_link = re.search(r'<([^>]+)>; rel="?next"?', link)
            # The service may know itself by another address than the one used here.
            next_page = None if next_link is None else _local(next_link[1])

    def _earlier(self, row: TableRow, stage: str) -> dict[str, Any] | None:
        requests = self._requests.get(row.ref, ())
        return next((r for r in requests if r["stage"] == stage), None)

    def _compare(self, row: TableRow, request: dict[str, Any]) -> None:
        """Reject a row that differs from the entered data; its line in the table may differ."""
        ours, theirs = _facts(row.body), _facts(request["body"])
        for name in dict.fromkeys((*ours, *theirs)):
            if ours.get(name) != theirs.get(name):
                raise _Rejected(
                    f"request {request['approval']} of {request['requested_by']} has "
                    f"{theirs.get(name)!r} in {name}; this table has {ours.get(name)!r}",
                    name,
                )

    def take(self, row: TableRow) -> bool:
        """Send a row; return whether it was new. Raises ``_Rejected``."""
        raise NotImplementedError


class _Entering(_Sending):
    """Enters rows for the first person."""

    def take(self, row: TableRow) -> bool:
        earlier = self._earlier(row, "approved") or self._earlier(row, "pending")
        if earlier is not None:
            self._compare(row, earlier)
            return False
        if self._dry:
            return True
        name = self.kind.command.NAME
        digest = sha256(msgspec.json.encode(row.body, order="sorted")).hexdigest()
        status, document, _ = self._client.send(
            "POST", f"/v1/{name.replace('.', '/')}", row.body, f"takeon-{digest}"
        )
        if status not in (200, 201):
            raise _Rejected(words_of(document), _column(document))
        return True


class _Confirming(_Sending):
    """Confirms, for the second person, rows that the first person entered."""

    def take(self, row: TableRow) -> bool:
        done = self._earlier(row, "approved")
        pending = self._earlier(row, "pending")
        if done is not None:
            self._compare(row, done)
            return False
        if pending is None:
            raise _Rejected("the row must be entered before it is confirmed (takeon enter)", "ref")
        self._compare(row, pending)
        if self._dry:
            return True
        status, document, _ = self._client.send(
            "POST",
            "/v1/approvals/approve-request",
            {"approval": pending["approval"]},
            f"confirm-{pending['approval']}",
        )
        if status not in (200, 201):
            raise _Rejected(words_of(document))
        return True


def _facts(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the fact that have a value, without its place in a file."""
    skipped = ("origin", "occurred_at", "legal_basis")
    plain = {name: value for name, value in body.items() if name not in skipped}
    return {name: value for name, value in plain.items() if value not in (None, [], ())}


def _column(problem: dict[str, Any]) -> str:
    return str(problem.get("pointer", "")).strip("/").replace("/", ".")


def _local(address: str) -> str:
    parts = urlsplit(address)
    return quote(parts.path) + (f"?{parts.query}" if parts.query else "")


def _run(sending: _Sending, table: Path, *, rejects: Path | None, json: bool) -> None:
    kind, takeon = sending.kind, sending.takeon
    rows = list(rows_of(table, kind, takeon))
    report = Report(rows=len(rows))
    refused: list[tuple[TableRow, Fault]] = []
    with bar(f"{kind.kind} of {table.name}", len(rows), silent=json) as advance:
        for number, row in enumerate(rows, start=1):
            fault = row.fault
            if fault is None:
                fault = _taken(sending.take, row, report)
            if fault is not None:
                refused.append((row, fault))
            advance(number)
    report.rejected = len(refused)
    if refused:
        target = rejects or table.with_name(f"{table.name}.rejects.csv")
        _write(target, refused)
        report.rejects = str(target)
    show(msgspec.to_builtins(report), json)
    for row, fault in refused[:10]:
        say(f"line {row.line} {row.ref}: {fault.reason}", "red")
    if refused:
        raise Failed


def _taken(take: Callable[[TableRow], bool], row: TableRow, report: Report) -> Fault | None:
    try:
        if take(row):
            report.done += 1
        else:
            report.known += 1
    except _Rejected as error:
        return error.fault
    return None


def _write(target: Path, refused: Iterable[tuple[TableRow, Fault]]) -> None:
    """Write the rejected rows unchanged, each with the reason in its first columns."""
    rows = list(refused)
    names = list(dict.fromkeys(name for row, _ in rows for name in row.fields if name))
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["行号 line", "列 column", "原因 reason", *names])
        for row, fault in rows:
            cells = [row.fields.get(name, "") for name in names]
            writer.writerow([row.line, fault.column, fault.reason, *map(_inert, cells)])


def _inert(cell: str) -> str:
    """Return a cell that no spreadsheet program interprets as a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell
