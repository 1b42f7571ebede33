"""``supervision-ledger calendar …``: a year's working calendar, from the State Council's table."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from api.cli.remote import DEFAULT_SERVICE, Client, Service, TokenFile, words_of
from api.cli.takeon_tables import BadCell, day, one_of
from api.cli.terminal import Failed, Json, say, show
from ledger.intake.sources import Layout, Source, SourceError
from ledger.kernel import Malformed
from ledger.opening import UnusableUrl
from ledger.systems.policies.commands import PublishWorkingCalendar

app = App(name="calendar", help="Publish a year's working calendar (工作日历), from a table.")

#: The columns of a table; a file may use either name of each.
_COLUMNS = {"date": "date", "日期": "date", "arrangement": "arrangement", "安排": "arrangement"}
_ARRANGEMENT = one_of({"放假": "holiday", "休": "holiday", "上班": "workday", "班": "workday"})


@app.command
def publish(
    year: int,
    table: Path,
    *,
    source: str,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Publish the working calendar of a year; deadlines that reach into it become final.

    Parameters
    ----------
    year
        The year of the calendar.
    table
        A CSV file or a spreadsheet with a row for each day: 日期 (date), as 2027-01-01, and 安排
        (arrangement), which is 放假 (holiday) or 上班 (workday). Weekends need no row unless they
        are worked.
    source
        The number of the State Council's notice.
    dry_run
        Read and check the table, and publish nothing.
    """
    command = calendar_of(year, table, source)
    body = msgspec.to_builtins(command)
    said = {
        "year": year,
        "holidays": len(command.holidays),
        "makeup_workdays": len(command.makeup_workdays),
    }
    if dry_run:
        show({**said, "published": False}, json)
        return
    with closing(Client(service, token_file)) as client:
        sent = {name: body[name] for name in ("year", "holidays", "makeup_workdays", "source")}
        status, document, _ = client.send("POST", "/v1/policies/publish-working-calendar", sent)
    if status not in (200, 201):
        say(words_of(document), "red")
        raise Failed
    show({**said, "published": status == 201, "position": document["position"]}, json)


def calendar_of(year: int, table: Path, source: str) -> PublishWorkingCalendar:
    """Return the command that publishes what a table says.

    Raises ``SourceError`` for a file that cannot be read or lacks a column, and ``UnusableUrl``,
    which names the line, for a row that says no day of the year.
    """
    days: dict[str, dict[date, int]] = {"holiday": {}, "workday": {}}
    with Source(table, Layout(required=(), optional=tuple(_COLUMNS))) as read:
        named = {name: _COLUMNS[name] for name in read.columns if name in _COLUMNS}
        if set(named.values()) != {"date", "arrangement"} or len(named) != 2:
            raise SourceError(
                f"{table.name} must have the columns 日期 (date) and 安排 (arrangement), each once."
            )
        for row in read:
            if row.fault is not None:
                raise UnusableUrl(f"{table.name}, line {row.line}: {row.fault[1]}")
            cells = {
                named[name]: cell.strip() for name, cell in row.fields.items() if name in named
            }
            if not any(cells.values()):
                continue
            try:
                on = date.fromisoformat(day(cells["date"]))
                kind = _ARRANGEMENT(cells["arrangement"])
            except BadCell as error:
                raise UnusableUrl(f"{table.name}, line {row.line}: the cell {error}") from None
            first = days[kind].setdefault(on, row.line)
            if first != row.line:
                raise UnusableUrl(
                    f"{table.name}, line {row.line}: {on} must stand in the table once; "
                    f"line {first} has it"
                )
    command = PublishWorkingCalendar(
        year=year,
        holidays=tuple(sorted(days["holiday"])),
        makeup_workdays=tuple(sorted(days["workday"])),
        source=source,
    )
    try:
        # As the service will read it: what it would refuse is said before anything is sent.
        command.check()
    except Malformed as error:
        raise UnusableUrl(f"{table.name}: {error}") from None
    return command
