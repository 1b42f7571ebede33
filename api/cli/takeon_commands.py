"""``supervision-ledger takeon …``: tables of opening facts, entered by one person, confirmed by
another.

Both send what they do to a running service with a token of their own, so that every rule, role and
note of the service holds for them. A run that was broken off is repeated: what was entered or
confirmed is found again and not entered twice.
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

app = App(name="takeon", help="Take on what an older system holds, from tables (启用日, 期初).")

Rejects = Annotated[
    Path | None,
    Parameter(name="--rejects", help="where to write the rows that were not taken, and why"),
]


@app.command
def columns(kind: FactKind, *, json: Json = False) -> None:
    """List the columns of a table of opening facts; a file may use either name of each."""
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
    """Enter the rows of a table as opening facts; nothing takes effect before it is confirmed.

    The exit code is 0 only if no row was rejected. Repeat it after mending the table: rows that
    were entered before are known.

    Parameters
    ----------
    kind
        What the table holds: penalty, commitment, designation or deadline.
    table
        A CSV file or a spreadsheet; `takeon columns KIND` lists its columns.
    takeon
        The take-on that they belong to, as opened with takeon/open-take-on.
    dry_run
        Say what would be entered and what would be rejected, and enter nothing. The rules are
        asked when a row is entered.
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

    A row is confirmed only if what was entered says what your table says.

    Parameters
    ----------
    kind
        What the table holds: penalty, commitment, designation or deadline.
    table
        Your copy of the table.
    takeon
        The take-on that they belong to.
    dry_run
        Compare only, and confirm nothing.
    """
    with closing(Client(service, token_file)) as client:
        sending = _Confirming(client, KINDS[kind], takeon, dry_run)
        _run(sending, table, rejects=rejects, json=json)


class Report(msgspec.Struct):
    """What came of a table."""

    rows: int = 0
    done: int = 0
    known: int = 0
    rejected: int = 0
    rejects: str | None = None


class _Rejected(Exception):
    """The service or the comparison refuses a row, with the reason and the column."""

    def __init__(self, reason: str, column: str = "") -> None:
        self.fault = Fault(reason, column)
        super().__init__(reason)


class _Sending:
    """What is done with each row, and what the service holds of the table already."""

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
        """Every item of a list, page by page."""
        next_page: str | None = path
        while next_page is not None:
            page, link = self._client.get(next_page)
            yield from page["items"]
            found = re.search(r'<([^>]+)>; rel="?next"?', link)
            # The service may name itself otherwise than it is reached from here.
            next_page = None if found is None else _local(found[1])

    def _earlier(self, row: TableRow, stage: str) -> dict[str, Any] | None:
        found = (one for one in self._requests.get(row.ref, ()) if one["stage"] == stage)
        return next(found, None)

    def _compare(self, row: TableRow, request: dict[str, Any]) -> None:
        """Refuse a row that differs from what was entered, wherever the two tables have it."""
        ours, theirs = _said(row.body), _said(request["body"])
        for name in dict.fromkeys((*ours, *theirs)):
            if ours.get(name) != theirs.get(name):
                raise _Rejected(
                    f"request {request['approval']} of {request['requested_by']} says "
                    f"{theirs.get(name)!r} in {name}; this table says {ours.get(name)!r}",
                    name,
                )

    def take(self, row: TableRow) -> bool:
        """Send a row; whether anything was new. Raises ``_Rejected``."""
        raise NotImplementedError


class _Entering(_Sending):
    """The first person enters a row."""

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
    """The second person confirms what the first one entered."""

    def take(self, row: TableRow) -> bool:
        done = self._earlier(row, "approved")
        pending = self._earlier(row, "pending")
        if done is not None:
            self._compare(row, done)
            return False
        if pending is None:
            raise _Rejected("nobody has entered this row; enter it first (takeon enter)", "ref")
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


def _said(body: dict[str, Any]) -> dict[str, Any]:
    """What a body says of the fact: not where it stands in which file; an absent field is none."""
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
    """The rows that were not taken, as they stood there, each with the reason in front."""
    rows = list(refused)
    names = list(dict.fromkeys(name for row, _ in rows for name in row.fields if name))
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["行号 line", "列 column", "原因 reason", *names])
        for row, fault in rows:
            cells = [row.fields.get(name, "") for name in names]
            writer.writerow([row.line, fault.column, fault.reason, *map(_inert, cells)])


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell
