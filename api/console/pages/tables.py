"""Import: send a command for each row of a table, after trying it.

The table is read as every list that is imported (``ledger.intake.sources``). Each column is given a
field of the command, the rows are tried, and the rejected ones come back as a workbook. A row is
sent under a key made from its content, so sending the same table again sends nothing twice.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import BodyPartReader, hdrs, web

from api.console import forms
from api.console.pages.commands import ENTRIES, faults_of, possible
from api.console.shell import ACT, Opened, Page
from api.http.asking import asked
from api.http.bodies import TOTAL_SECONDS
from api.http.commands import PREPARERS, path_of
from api.http.malformed import decoded
from api.http.problems import Problem
from api.http.sealing import SEALERS
from api.http.sheets import XLSX, as_sheet
from api.running.pools import SHEETS
from ledger.intake.sources import Layout, Source, SourceError, ending_of
from ledger.kernel import Malformed, budget
from ledger.kernel.messages import message, say
from ledger.registry import Entry

#: The most bytes and rows of a table, and how long one page may send rows, in seconds.
MAX_BYTES, MAX_ROWS, SECONDS = 5 * 1024 * 1024, 5_000, 25.0
#: The most bytes of a form with a table, and the most that a table unpacks to: few bytes can expand
#: to gigabytes.
MAX_SENT, MAX_UNPACKED = MAX_BYTES + 256 * 1024, 64 * 1024 * 1024
#: The most parts of a form with a file.
_MAX_PARTS = 16
#: How many rows are decided by the ledger when a table is tried; the others are checked by form.
TRIED = 25
#: How many bytes of tables wait for their columns to be mapped, over all readers, and for how long.
_HELD_BYTES, _HELD_SECONDS = 32 * 1024 * 1024, 3_600.0

_COLUMN = "column."


class Table(msgspec.Struct):
    """A table that was read: its columns, and its rows with their lines and faults."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, str], str]]
    encoding: str
    blank: int


class Rejected(msgspec.Struct, frozen=True):
    """A row that is not recorded: its line, the reason, the input at fault, and its cells."""

    line: int
    reason: str
    field: str
    cells: Mapping[str, str]


class Held:
    """The files that readers have given and not sent yet, by a secret name. For one event loop.

    With each are the reasons for which its rows were rejected last, by line.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[float, str, str, bytes]] = OrderedDict()
        self._rejected: dict[str, Mapping[int, str]] = {}

    def put(self, owner: str, name: str, content: bytes) -> str:
        """Hold a file for its owner, and return the name under which it is found."""
        secret = secrets.token_urlsafe(16)
        self._files[secret] = time.monotonic(), owner, name, content
        while sum(len(held[3]) for held in self._files.values()) > _HELD_BYTES:
            self._rejected.pop(self._files.popitem(last=False)[0], None)
        return secret

    def get(self, owner: str, secret: str) -> tuple[str, bytes] | None:
        """Return the name and content of a file of its owner, if it is held still."""
        held = self._files.get(secret)
        if held is None or held[1] != owner or time.monotonic() - held[0] > _HELD_SECONDS:
            return None
        return held[2], held[3]

    def note(self, secret: str, rejected: Mapping[int, str]) -> None:
        """Keep which rows of a held file were rejected, and why, instead of what was kept."""
        if secret in self._files:
            self._rejected[secret] = rejected

    def rejected(self, secret: str) -> Mapping[int, str]:
        """Return what was noted last of a file."""
        return self._rejected.get(secret, {})


HELD = web.AppKey("held_tables", Held)


def leaves(entry: Entry, words: Any) -> list[tuple[str, str, forms.Field]]:
    """Return the inputs of a command that a column can fill: path, title, and field."""
    return list(_leaves(forms.fields_of(entry.command), "", "", words))


def _leaves(
    fields: tuple[forms.Field, ...], path: str, said: str, words: Any
) -> Iterator[tuple[str, str, forms.Field]]:
    for field in fields:
        place = f"{path}{field.name}"
        title = f"{said}{words.field(field.name)}"
        if field.input == "group":
            yield from _leaves(field.inner, f"{place}.", f"{title}·", words)
        elif field.input == "groups":
            yield from _leaves(field.inner, f"{place}.0.", f"{title}·", words)
        else:
            yield place, title, field


def read_table(name: str, content: bytes, known: tuple[str, ...]) -> Table:
    """Return the rows of a file. Raises ``SourceError`` if it cannot be read."""
    with tempfile.TemporaryDirectory(prefix="table-") as folder:
        path = Path(folder) / f"table{ending_of(name) or '.csv'}"
        path.write_bytes(content)
        _require_small(path)
        try:
            source = Source(path, Layout(required=(), any_of=(known,), optional=known))
        except SourceError:
            # No heading is one of the command's: the reader maps all of them.
            source = Source(path, Layout(required=()))
        with source:
            rows: list[tuple[int, dict[str, str], str]] = []
            size = 0
            for row in source:
                budget.check()
                if len(rows) == MAX_ROWS:
                    raise SourceError(f"must have at most {MAX_ROWS} rows")
                size += sum(map(len, row.fields.values()))
                if size > MAX_UNPACKED:
                    raise _unpacks_to_too_much()
                rows.append((row.line, row.fields, "" if row.fault is None else row.fault[1]))
            form = source.form
            encoding = form.sheet if form.encoding is None else str(form.encoding)
            columns = tuple(column for column in source.columns if column)
            return Table(name, columns, rows, encoding or "", source.blank)


def _require_small(path: Path) -> None:
    """Refuse a workbook whose parts unpack to too much; what they declare is never exceeded."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED:
            raise _unpacks_to_too_much()


def _unpacks_to_too_much() -> SourceError:
    return SourceError(f"must not unpack to more than {MAX_UNPACKED >> 20} MiB")


async def tables(page: Opened) -> web.StreamResponse:
    """Take a table, map its columns, try its rows, and send them."""
    if page.request.method == "GET":
        return await _start(page, page.request.query.get("command", ""))
    given, name, content = await _given(page)
    if not page.own(given):
        return await _start(page, given.get("command", ""), status=403, said="foreign-form")
    command = given.get("command", "")
    entry = ENTRIES.get(command)
    if entry is None or not possible(page.role, command):
        return await page.missing()
    held = page.request.app[HELD]
    if content:
        given["table"] = held.put(page.session.form, name, content)
    kept = held.get(page.session.form, given.get("table", ""))
    if kept is None:
        return await _start(page, command, status=400, said="table-gone")
    inputs = leaves(entry, page.words)
    known = tuple(dict.fromkeys(name for place, title, _ in inputs for name in (title, place)))
    try:
        table = await asked(lambda: read_table(*kept, known), SHEETS)
    except SourceError as error:
        return await _start(page, command, status=400, fault=str(error).strip())
    mapping = _mapping(table, inputs, given)
    act = given.get(ACT, "map")
    shown: dict[str, Any] = {"done": 0, "left": 0, "rejected": [], "act": act}
    if act == "rejects":
        return await _workbook(page, table, held.rejected(given["table"]))
    if act in ("try", "send"):
        shown |= await _run(page, entry, table, mapping, sending=act == "send")
        held.note(given["table"], {r.line: r.reason for r in shown["rejected"]})
    return await page.render(
        "table.html",
        command=command,
        entry=entry,
        table=table,
        secret=given["table"],
        inputs=inputs,
        mapping=mapping,
        needed=[
            title for place, title, f in inputs if f.required and place not in mapping.values()
        ],
        tried=TRIED,
        **shown,
    )


async def _start(page: Opened, command: str, *, status: int = 200, **context: Any) -> web.Response:
    own = [entry for entry in ENTRIES.values() if page.role in entry.roles]
    entries = [e for e in own if e.command not in SEALERS and e.command not in PREPARERS]
    return await page.render(
        "tables.html",
        status=status,
        command=command,
        entries=entries,
        most=MAX_ROWS,
        megabytes=MAX_BYTES // 1024 // 1024,
        **{"said": "", "fault": "", **context},
    )


async def _given(page: Opened) -> tuple[dict[str, str], str, bytes]:
    """Return the fields of the form, and the name and content of its file."""
    if not page.request.content_type.startswith("multipart/"):
        return await page.form(), "", b""
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            return await _parts(page)
    except TimeoutError:
        raise Problem("timed-out", "console.table-too-slow") from None
    except (ValueError, web.RequestPayloadError):  # so aiohttp says that the parts are not marked
        raise Problem("malformed", "console.table-not-readable") from None


async def _parts(page: Opened) -> tuple[dict[str, str], str, bytes]:
    given: dict[str, str] = {}
    name, content = "", b""
    parts = size = 0
    async for part in await page.request.multipart():
        parts += 1
        if parts > _MAX_PARTS:
            raise Problem("malformed", "console.table-not-readable")
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise Problem("malformed", "console.table-not-readable")
        size += len(part.name)
        body = bytearray()
        while chunk := await part.read_chunk(64 * 1024):
            body += chunk
            size += len(chunk)
            if len(body) > MAX_BYTES or size > MAX_SENT:
                raise Problem("too-large", message("console.table-too-large", most=MAX_BYTES))
        if part.filename:
            name, content = part.filename, bytes(body)
        else:
            given[part.name] = body.decode("utf-8", "replace")
    return given, name, content


def _mapping(
    table: Table, inputs: list[tuple[str, str, forms.Field]], given: Mapping[str, str]
) -> dict[str, str]:
    """Return the input of each column: as the reader chose, else the one of its name."""
    places = {place for place, _, _ in inputs}
    named = {title.casefold(): place for place, title, _ in inputs} | {p: p for p in places}
    mapping = {}
    for number, column in enumerate(table.columns):
        chosen = given.get(f"{_COLUMN}{number}", named.get(column.casefold(), ""))
        if chosen in places:
            mapping[column] = chosen
    return mapping


async def _run(
    page: Opened, entry: Entry, table: Table, mapping: Mapping[str, str], *, sending: bool
) -> dict[str, Any]:
    """Try or send the rows, as many as there is time for; say which were rejected and why."""
    started = time.monotonic()
    done = left = 0
    rejected: list[Rejected] = []
    acts_for = entry.command.ACTS_FOR
    own = {acts_for: page.session.grant.unit} if acts_for in entry.command.__struct_fields__ else {}
    bodies = await asked(lambda: list(_bodies(page, entry, table, mapping, own)), SHEETS)
    for number, ((line, cells, _), body) in enumerate(zip(table.rows, bodies, strict=True)):
        if time.monotonic() - started > SECONDS:
            left += 1
            continue
        try:
            if isinstance(body, _Unfit):
                raise body
            if sending or number < TRIED:
                await _send(page, entry, body, sending=sending)
        except _Unfit as unfit:
            rejected.append(Rejected(line, unfit.reason, unfit.field, cells))
        else:
            done += 1
    return {"done": done, "rejected": rejected, "left": left}


async def _send(page: Opened, entry: Entry, body: Mapping[str, Any], *, sending: bool) -> None:
    """Send a row, or ask what it would record. Raises ``_Unfit``."""
    digest = sha256(msgspec.json.encode(body, order="sorted")).hexdigest()[:40]
    key = f"table-{digest}" if sending else None
    answer = await page.send(path_of(entry), body, key=key, dry=not sending)
    if not answer.fine:
        raise _Unfit(str(answer.body["detail"]), next(iter(faults_of(answer)), ""))


class _Unfit(Exception):
    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


def _bodies(
    page: Opened, entry: Entry, table: Table, mapping: Mapping[str, str], own: Mapping[str, Any]
) -> Iterator[dict[str, Any] | _Unfit]:
    """Yield the body that each row stands for, or why it stands for none."""
    decoder = msgspec.json.Decoder(entry.command)
    for _, cells, fault in table.rows:
        typed = {mapping[c]: text for c, text in cells.items() if c in mapping and text}
        try:
            yield _body(page, decoder, entry, {**own, **typed}, fault)
        except _Unfit as unfit:
            yield unfit


def _body(
    page: Opened,
    decoder: msgspec.json.Decoder[Any],
    entry: Entry,
    typed: Mapping[str, str],
    fault: str,
) -> dict[str, Any]:
    """Return the body that a row stands for. Raises ``_Unfit``."""
    if fault:
        raise _Unfit(fault)
    try:
        body = forms.body_of_form(entry.command, typed)
        decoded(msgspec.json.encode(body), decoder)
    except forms.BadField as bad:
        raise _Unfit(page.words("not-a-value"), bad.field) from None
    except (Malformed, Problem) as error:
        place = (error.pointer or "").strip("/").replace("/", ".")
        raise _Unfit(say(error.message, page.words.language), place) from None
    return body


async def _workbook(page: Opened, table: Table, rejected: Mapping[int, str]) -> web.Response:
    """Return the rejected rows as a workbook that can be corrected and given again."""
    fields = ("line", "reason", *table.columns)
    entries = [
        {"line": line, "reason": rejected[line], **cells}
        for line, cells, _ in table.rows
        if line in rejected
    ]
    language = page.words.language
    body = await asked(lambda: as_sheet("xlsx", "rejects", entries, fields, language), SHEETS)
    headers = {
        hdrs.CONTENT_DISPOSITION: 'attachment; filename="rejects.xlsx"',
        hdrs.CACHE_CONTROL: "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=body, content_type=XLSX, headers=headers)


PAGES = (
    Page(
        "/console/import",
        tables,
        name="import",
        group="acts",
        needs=("/v1/next-commands",),
        recorded="never",
        methods=("GET", "POST"),
    ),
)
