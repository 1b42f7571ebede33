"""``supervision-ledger tables``: the tables that officials and their systems exchange.

``export`` writes a batch of what became public, changed or ended since the last one. ``take`` turns
a table of another system into a table of opening facts, which ``takeon enter`` checks and sends:
that one knows rows entered earlier, so an interrupted import is simply repeated.
"""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from api.cli.takeon_tables import KINDS
from api.cli.terminal import DEFAULT_URL, INCOMPLETE, Failed, Json, Url, say, show
from api.webhooks.outbox import OUTBOX, Outbox, Receipt, Way, moment
from ledger.general.personaldata import personal_data
from ledger.intake.exchange import (
    BadTableCell,
    Lacking,
    Operation,
    cells_of,
    headings,
    names_of_templates,
    read_template,
    rows_of_table,
    taken,
)
from ledger.kernel.clock import system_clock
from ledger.opening import open_recorder, tables_of
from ledger.stores.files import private_file
from ledger.stores.naming import refuse_neighbour
from projections.exchange.facts import FACTS
from projections.exchange.writing import ENDINGS, write_table
from projections.source import Source

app = App(
    name="tables",
    help="Tables in the forms that the country exchanges (双公示 …), in and out; after the "
    "nationwide templates, check against your province's.",
)

_SEVERITIES = {"minor": "轻微", "general": "一般", "serious": "严重"}

#: Codes of penalties are shown as the tables of opening facts write them.
_KIND = KINDS["penalty"]


class Owed(msgspec.Struct, frozen=True):
    """A row that was not sent because a column of its table must not be empty.

    ``sent``: as of which position it was sent last; 0 if it never was.
    """

    subject: str
    key: str
    column: str
    sent: int = 0


class Batch(msgspec.Struct, frozen=True):
    """What a batch covers, and what it has; the next one begins after ``up_to``."""

    table: str
    unit: str | None
    after: int
    up_to: int
    rows: dict[str, int]
    files: dict[str, str]
    lacking: tuple[Owed, ...] = ()


@app.command(name="list")
def list_(*, json: Json = False) -> None:
    """List the tables that come with the program."""
    show(
        [{"name": name, "title": read_template(name).title} for name in names_of_templates()], json
    )


@app.command
def columns(table: str, *, json: Json = False) -> None:
    """List the columns of a table.

    Parameters
    ----------
    table
        The name of a table, or a file *.toml with your province's.
    """
    show(
        [
            {
                "name": name,
                "title": column.title,
                "required": "yes" if column.required else "",
                "field": "" if column.personal else column.field or "",
                "opening fact": column.takes or "",
            }
            for name, column in read_template(table).columns.items()
        ],
        json,
    )


@app.command
def export(
    table: str,
    file: Path,
    *,
    ledger: Url = DEFAULT_URL,
    unit: str | None = None,
    since: Path | None = None,
    batch: str = "",
    recipient: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Write a batch: what became public, changed or ended since the last one.

    Besides the file it writes FILE.json, which says what the batch covers; give it to the next
    export. Rows that must be removed, because a decision was withdrawn or undone or its record
    ended, go into a file of their own, NAME.removed, unless the table has a column for it. A fact
    that lacks what its table requires is not written; the next batch tries it again. The exit code
    is 0 only if none did.

    Parameters
    ----------
    table
        The name of a table, or a file *.toml with your province's.
    file
        Where to write it: *.csv, *.xlsx or *.xml.
    unit
        Only facts of this unit.
    batch
        The number of the batch, for tables that have it, such as 2026120100001.
    recipient
        Who gets the file, such as 甘肃信用平台: kept for the account of what must be removed.
    since
        The FILE.json of the last batch; without it the batch has everything.
    dry_run
        Report what the batch would have; write nothing.
    """
    template = read_template(table)
    if file.suffix.lower() not in ENDINGS:
        say(f"supervision-ledger: {file.name} must end in {', '.join(ENDINGS)}", "red")
        raise Failed
    refuse_neighbour(file.absolute())
    last = None if since is None else msgspec.json.decode(since.read_bytes(), type=Batch)
    if last is not None and (last.table, last.unit) != (template.name, unit):
        say(f"supervision-ledger: {since} is of another table or unit", "red")
        raise Failed
    after = 0 if last is None else last.up_to
    owed = {} if last is None else {(row.subject, row.key): row.sent for row in last.lacking}
    kept: dict[bool, list[tuple[Operation, list[str]]]] = {False: [], True: []}
    counts: dict[str, int] = {"i": 0, "u": 0, "d": 0}
    lacking = []
    left: list[tuple[str, Way]] = []
    with open_recorder(ledger, create=False, read_only=True) as recorder:
        source = Source(recorder)
        up_to = source.head()
        for fact in FACTS[template.fact](source, after, up_to, unit, owed):
            try:
                cells = cells_of(template, {**fact.fields, "batch": batch})
            except Lacking as error:
                row = fact.subject, fact.key
                sent = 0 if fact.operation == "i" else owed.get(row, after)
                lacking.append(Owed(*row, error.column, sent))
                continue
            counts[fact.operation] += 1
            way: Way = "export_removed" if fact.operation == "d" else "export"
            left += [(f"record:{record}", way) for record in fact.fields.get("records", ())]
            removed = template.operation is None and fact.operation == "d"
            kept[removed].append((fact.operation, cells))
    names = list(headings(template))
    files: dict[str, str] = {}
    if not dry_run:
        for removed, target in ((False, file), (True, file.with_stem(f"{file.stem}.removed"))):
            rows = kept[removed]
            if removed and not rows:
                continue
            private_file(target)
            first = [] if template.operation is None else [template.operation]
            write_table(
                target,
                [*first, *names],
                [[*([operation] if first else []), *cells] for operation, cells in rows],
                row=template.row,
            )
            files[target.name] = sha256(target.read_bytes()).hexdigest()
    made = Batch(template.name, unit, after, up_to, counts, files, tuple(lacking))
    if not dry_run:
        if recipient is not None:
            _note(ledger, recipient, left, up_to)
        # Last: a batch without it was broken off, and is made again.
        manifest = file.with_name(f"{file.name}.json")
        private_file(manifest)
        manifest.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    shown = msgspec.to_builtins(made)
    show(shown if json else {**shown, "lacking": len(lacking)}, json)
    if lacking:
        raise SystemExit(INCOMPLETE)


def _note(ledger: str, recipient: str, left: list[tuple[str, Way]], position: int) -> None:
    """Keep which records left for a recipient, and which of them with their removal."""
    at = moment(system_clock())
    with (
        open_recorder(ledger, create=False) as recorder,
        closing(Outbox(tables_of(recorder, "webhooks", OUTBOX))) as outbox,
    ):
        outbox.receive(Receipt(recipient, subject, way, at, position) for subject, way in left)


@app.command
def take(
    table: str,
    file: Path,
    target: Path,
    *,
    unit: str,
    severity: Literal["minor", "general", "serious"],
    rejects: Path | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Turn a table of another system into a table of opening facts, for `takeon enter`.

    The exit code is 0 only if no row was rejected. Correct the rejected rows, take them again, and
    enter the new table: rows entered earlier are recognised by the number of the decision.

    Parameters
    ----------
    table
        The name of a table, or a file *.toml with your province's.
    file
        A CSV file, a spreadsheet or an XML file in that form.
    target
        Where to write the table of opening facts: *.csv or *.xlsx.
    unit
        The unit that decided, by its id in this ledger.
    severity
        The class of the records, which the tables of the country do not have.
    rejects
        Where to write the rejected rows with the reasons, as a spreadsheet.
    dry_run
        Report what would be taken and rejected; write nothing.
    """
    template = read_template(table)
    if template.fact != "penalty":
        say(f"supervision-ledger: {template.name} can only be exported", "red")
        raise Failed
    chinese = {column.name: column.chinese for column in _KIND.columns}
    used = ["ref", "unit", "severity"]
    used += [c.takes for c in template.columns.values() if c.takes is not None]
    rows: list[list[str]] = []
    refused: list[list[str]] = []
    names = [name for name, column in template.columns.items() if not column.personal]
    for row in rows_of_table(template, file):
        cells = [row.fields.get(name, "") for name in names]
        reason = None if row.fault is None else row.fault[1]
        try:
            made = {} if reason else taken(template, row.fields)
        except BadTableCell as error:
            reason = str(error)
        if reason is None and personal_data(*cells):
            # A natural person's number must not leave the other system in clear.
            reason, cells = "must not have personal data outside of its own columns", []
        if reason is not None:
            refused.append([str(row.line), reason, *cells])
            continue
        made |= {"ref": made.get("doc_no", ""), "unit": unit, "severity": _SEVERITIES[severity]}
        rows.append([made.get(name, "") for name in used])
    if not dry_run:
        refuse_neighbour(target.absolute())
        private_file(target)
        write_table(target, [chinese[name] for name in used], rows)
        if rejects is not None:
            private_file(rejects)
            write_table(rejects, ["行号", "原因", *names], refused)
    show({"taken": len(rows), "rejected": len(refused)}, json)
    if refused:
        if rejects is None:
            for line, why, *_ in refused:
                say(f"line {line}: {why}", "yellow")
        raise SystemExit(INCOMPLETE)
