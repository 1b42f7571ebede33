"""Running an import: the files of a folder, step by step, into one ledger.

While the sequencer decides and commits a batch of rows, the next rows are read. Only a few batches
are in progress at a time, in order, so memory does not grow with the files. Committed rows are not
imported again: an import that is restarted asks the ledger how far each file is imported.
"""

from __future__ import annotations

import gc
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from ledger.intake.claims import Delists
from ledger.intake.commands import ImportRow, ImportRows, RowRejected
from ledger.intake.events import ImportFinished, ImportProgressed, RowNote
from ledger.intake.folds import ImportPlace
from ledger.intake.mapping import BadRow, Lookup, RegisterMapping, Row, Step, Tables, files_of
from ledger.intake.mappings import MAPPINGS
from ledger.intake.notes import row_note
from ledger.intake.own_lists import read_mapping
from ledger.intake.rejects import Rejects
from ledger.intake.sources import (
    ENDINGS,
    NOTHING_TOLD,
    Form,
    Layout,
    Source,
    SourceError,
    SourceRow,
    Told,
    digest_of,
)
from ledger.intake.wording import Language, in_language
from ledger.kernel import Actor, Ledger, Outcome, Unavailable, civil_date
from ledger.kernel.clock import uuid7
from ledger.kernel.codec import decode
from ledger.kernel.contexts import make_context
from ledger.kernel.memory import Memory, as_query
from ledger.opening import open_blobs
from ledger.systems.draws.effects import CalledReserves, called_reserves
from ledger.systems.draws.folds import DrawnAt

#: The most batches in progress at a time. Batches that wait during a commit share the next commit,
#: so each page of the store's indexes is written less often.
IN_FLIGHT = 4

#: How often a row is submitted by which a drawn business leaves, if its reserves changed meanwhile.
ATTEMPTS = 3

#: The most refused rows that a report shows; the rejects file has all.
SHOWN = 10


class ImportFailed(Exception):
    """The import cannot begin or continue; the message says what to do. Recorded rows stay."""


class Refused(msgspec.Struct, frozen=True):
    """A refused row: its file and line, the reason code, and the reason."""

    file: str
    line: int
    reason: str
    message: str


class Progress(msgspec.Struct, frozen=True):
    """The progress of an import: rows of a file in a step, and ``recorded`` events in total."""

    step: str
    file: str
    rows_done: int
    recorded: int
    rejected: int


class FileReport(msgspec.Struct):
    """One file in one step: its rows, and how many of them earlier runs imported.

    ``blank`` rows are not counted as rows. ``missing``: optional columns that the file lacks;
    ``extra``: columns that are not read.
    """

    step: str
    file: str
    digest: str
    rows: int = 0
    before: int = 0
    rejected: int = 0
    warned: int = 0
    ignored: int = 0
    blank: int = 0
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    encoding: str | None = None
    sheet: str | None = None


class Report(msgspec.Struct):
    """The result of an import.

    ``recorded`` counts events by topic. ``rows`` counts each row once, however many steps read it.
    ``known`` counts, in each step, the rows of this run that added nothing because the ledger knew
    their facts already. ``rejects`` and ``warnings`` count rows by reason over whole files, so a
    second run reports the same. ``remarks`` are about files: missing columns and lists.
    ``not_imported``: the files of the folder that the mapping does not use. ``rejected_files``: the
    written files with the rejected rows, to be corrected and imported.
    """

    mapping: str
    files: list[FileReport] = []
    recorded: dict[str, int] = {}
    rows: int = 0
    known: int = 0
    rejected: int = 0
    rejects: dict[str, int] = {}
    warnings: dict[str, int] = {}
    ignored: int = 0
    blank: int = 0
    not_imported: list[str] = []
    rejected_files: list[str] = []
    dry_run: bool = False
    remarks: list[str] = []
    examples: list[Refused] = []
    seconds: float = 0.0


def import_register(
    ledger: Ledger,
    mapping_name: str | RegisterMapping,
    folder: str | Path,
    *,
    actor: Actor,
    strict: bool = False,
    rejects: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    batch_rows: int = 500,
    known: date | None = None,
    told: Told = NOTHING_TOLD,
    language: Language = "en",
) -> Report:
    """Import the files of a register in ``folder``; files that are already imported add nothing.

    ``folder`` may be a single file. ``strict`` stops at the first row that cannot be imported.
    ``rejects`` is a CSV file for refused rows and rows with a remark; a folder next to it gets the
    refused rows of each file, which can be corrected and imported. ``known`` is the day on which
    the register is taken to have reported facts without a date of their own. ``told`` overrides the
    detected encoding and sheet. ``language`` is that of the report and the rejects.

    Raises ``ImportFailed``, ``SourceError`` for a file, ``RowRejected`` when strict, and the error
    of the ledger if it accepts no more commands.
    """
    mapping = check_register(mapping_name, folder)
    with ExitStack() as stack:
        stack.enter_context(_fewer_collections())
        own = mapping.digest is not None
        notes = stack.enter_context(Rejects(rejects, Path(folder), language, only_read=own))
        run = _Run(
            ledger=ledger,
            mapping=mapping,
            folder=Path(folder),
            actor=actor,
            strict=strict,
            notes=notes,
            progress=progress,
            batch_rows=batch_rows,
            known=known or mapping.known,
            told=Told(told.encoding or mapping.told.encoding, told.sheet or mapping.told.sheet),
            language=language,
        )
        report = run.all()
        report.rejected_files = [str(path) for path in notes.files]
        return report


def check_register(mapping_name: str | RegisterMapping, folder: str | Path) -> RegisterMapping:
    """Return the mapping of that name, if ``folder`` has files for it.

    A name that ends in ``.toml`` is that of a mapping file. Raises ``ImportFailed``, and
    ``MappingError`` for a bad mapping file.
    """
    if isinstance(mapping_name, RegisterMapping):
        mapping: RegisterMapping | None = mapping_name
    elif mapping_name.lower().endswith(".toml"):
        mapping = read_mapping(Path(mapping_name))
    else:
        mapping = MAPPINGS.get(mapping_name)
    if mapping is None:
        names = ", ".join(sorted(MAPPINGS))
        raise ImportFailed(
            f"The mapping must be one of {names}, or a file whose name ends in .toml; it is "
            f"{mapping_name!r}."
        )
    _find(mapping, Path(folder))
    return mapping


class _Run:
    """One import of one folder."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        mapping: RegisterMapping,
        folder: Path,
        actor: Actor,
        strict: bool,
        notes: Rejects,
        progress: Callable[[Progress], None] | None,
        batch_rows: int,
        known: date | None,
        told: Told,
        language: Language,
    ) -> None:
        self.ledger = ledger
        self.mapping = mapping
        self.actor = actor
        self.strict = strict
        self.notes = notes
        self.progress = progress
        self.batch_rows = batch_rows
        self.known = known
        self.told = told
        self.language = language
        self.forms: dict[tuple[Path, int], Form] = {}
        self.today = civil_date(ledger.clock())
        self.correlation: UUID = uuid7(ledger.clock())
        self.report = Report(mapping.name)
        self.recorded: Counter[str] = Counter()
        self.rejects: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self.files = _find(mapping, folder)
        self.folder = folder
        self.digests: dict[Path, tuple[str, int]] = {}

    def all(self) -> Report:
        """Run every step on every file and return the report."""
        began = time.perf_counter()
        report = self.report
        report.not_imported = _not_imported(self.mapping, self.folder)
        self._check_headers()
        tables: Tables = {lookup.name: self._table(lookup) for lookup in self.mapping.lookups}
        try:
            for step in self.mapping.steps:
                for path in self.files[step.pattern]:
                    _File(self, step, path, tables).run()
        finally:
            report.recorded = dict(sorted(self.recorded.items()))
            report.rejects = dict(self.rejects.most_common())
            report.warnings = dict(self.warnings.most_common())
            report.remarks = [in_language(remark, self.language) for remark in report.remarks]
            report.seconds = time.perf_counter() - began
        return report

    def source(self, path: Path, layout: Layout) -> Source:
        """Open a file; its form is detected only once."""
        key = (path, id(layout))
        source = Source(path, layout, self.told, self.forms.get(key))
        self.forms[key] = source.form
        return source

    def digest(self, path: Path) -> tuple[str, int]:
        """Return a file's digest and size, computed only once."""
        if path not in self.digests:
            self.digests[path] = digest_of(path)
        return self.digests[path]

    def memory(self) -> Memory:
        """Return a memory of folds that is up to date with the ledger."""
        memory = Memory(self.ledger.recorder)
        memory.catch_up()
        return memory

    def content(self, digest: str) -> bytes:
        """Return the blob with a digest."""
        recorder: Any = self.ledger.recorder
        content: bytes = open_blobs(recorder, read_only=True).get(digest)
        return content

    def note(self, file: str, note: RowNote, source: Source | None, row: SourceRow | None) -> None:
        """Count one note about a row and write it to the rejects."""
        (self.rejects if note.kind == "rejected" else self.warnings)[note.reason] += 1
        if note.kind == "rejected" and len(self.report.examples) < SHOWN:
            message = in_language(note.message, self.language)
            self.report.examples.append(Refused(file, note.line, note.reason, message))
        self.notes.write(file, note, source, row)

    def _check_headers(self) -> None:
        """Open each file once before anything is recorded, so that an import fails early."""
        remarks = self.report.remarks
        for pattern in self.mapping.patterns:
            step = next(step for step in self.mapping.steps if step.pattern == pattern)
            for path in self.files[pattern]:
                with self.source(path, step.layout) as source:
                    remarks += [f"{path.name}: {remark}" for remark in source.form.remarks]
                    missing = [name for name in source.missing if name != self.mapping.known_by]
                    if missing:
                        remarks.append(
                            f"{path.name} has no column {', '.join(missing)}: its content is "
                            "left out"
                        )
                    if not {self.mapping.known_by, "detected"} & set(source.columns):
                        remarks.append(_no_known_column(path, self.mapping.known_by, self.known))
        remarks.extend(
            f"no file {pattern}: that part of the register is not imported"
            for pattern in self.mapping.patterns
            if not self.files[pattern]
        )

    def _table(self, lookup: Lookup) -> dict[Any, Any]:
        """Read a lookup list; report its bad rows as remarks and use the others."""
        table: dict[Any, Any] = {}
        remarks = self.report.remarks
        paths = files_of(self.folder, lookup.pattern)
        if not paths:
            remarks.append(f"no file {lookup.pattern}: {lookup.without}")
        imported = lookup.pattern in self.files
        for path in paths:
            with self.source(path, lookup.layout) as source:
                for source_row in source:
                    fault = source_row.fault
                    if fault is None:
                        row = Row(source_row.fields, self.today, dates=lookup.layout.dates)
                        try:
                            lookup.add(table, row)
                        except BadRow as error:
                            fault = error.reason, error.message
                    # If the file is also imported, the importing step rejects its bad rows.
                    if fault is not None and not imported:
                        reason, message = fault
                        remarks.append(f"{path.name}:{source_row.line}: {reason}: {message}")
        return table


class _File:
    """One file in one step."""

    def __init__(self, run: _Run, step: Step, path: Path, tables: Tables) -> None:
        self.run_ = run
        self.step = step
        self.path = path
        self.tables = tables
        self.digest, self.bytes = run.digest(path)
        self.import_id = f"{run.mapping.name}/{step.name}/{self.digest[:32]}{self._way()}"
        self.memo: dict[Any, Any] = {}
        self.report = FileReport(step.name, path.name, self.digest)
        self.source: Source | None = None
        self.under_way: deque[tuple[Future[Outcome], set[int], dict[int, SourceRow]]] = deque()

    def _way(self) -> str:
        """Return what distinguishes imports of the same file: encoding, sheet and mapping."""
        told = self.run_.told
        way = [told.encoding, told.sheet, self.run_.mapping.digest]
        return f"/{sha256(repr(way).encode()).hexdigest()[:12]}" if any(way) else ""

    def run(self) -> None:
        """Import the rows of this file that are not imported yet."""
        run, report = self.run_, self.report
        run.report.files.append(report)
        memory = run.memory()
        place = memory.fold(ImportPlace(self.import_id), keep=False)
        if place.blanks is None and not place.finished:
            # An earlier version of the program counted blank rows as rows, so its number of rows
            # cannot be used. The rows that it recorded add nothing.
            self.import_id += "/2"
            place = memory.fold(ImportPlace(self.import_id), keep=False)
        report.before = report.rows = place.rows_done
        report.blank = place.blanks or 0
        report.rejected, report.warned, report.ignored = (
            place.rejected,
            place.warned,
            place.ignored,
        )
        earlier = self._earlier_notes() if place.rejected or place.warned else {}
        try:
            if place.finished:
                self._retell(earlier)
            else:
                self._import(place.rows_done, earlier)
        finally:
            self._wait_for_all()
            if not self.step.again:
                run.report.rows += report.rows
                run.report.blank += report.blank
            run.report.rejected += report.rejected
            run.report.ignored += report.ignored

    def _retell(self, earlier: dict[int, list[RowNote]]) -> None:
        """Report the notes about an already imported file again; read its rows only for that."""
        with self.run_.source(self.path, self.step.layout) as source:
            self._describe(source)
            if not earlier:
                return
            if not self.run_.notes.wanted:
                for notes in earlier.values():
                    for note in notes:
                        self.run_.note(self.path.name, note, None, None)
                return
            for row in source:
                for note in earlier.get(row.line, ()):
                    self.run_.note(self.path.name, note, source, row)

    def _describe(self, source: Source) -> None:
        """Enter in the report how the file is read."""
        form, report = source.form, self.report
        report.missing, report.extra, report.sheet = source.missing, source.extra, form.sheet
        if form.encoding is not None:
            report.encoding = f"{form.encoding.shown} ({form.encoding.found})"

    def _import(self, done: int, earlier: dict[int, list[RowNote]]) -> None:
        run, size = self.run_, self.run_.batch_rows
        first = done
        rows: list[ImportRow] = []
        raws: dict[int, SourceRow] = {}
        broken: SourceError | None = None
        with run.source(self.path, self.step.layout) as source:
            self.source = source
            self._describe(source)
            try:
                for number, row in enumerate(source, start=1):
                    if number <= done:
                        for note in earlier.get(row.line, ()):
                            run.note(self.path.name, note, source, row)
                        continue
                    rows.append(self._understood(row))
                    if run.notes.wanted:
                        raws[row.line] = row
                    if len(rows) == size:
                        self._submit(first, rows, raws)
                        first, rows, raws = number, [], {}
            except SourceError as error:
                broken = error
        # A truncated file is not marked as finished; the complete file has another digest anyway.
        if rows or broken is None:
            self._submit(first, rows, raws, last=broken is None)
        self._wait_for_all()
        if broken is not None:
            raise broken

    def _understood(self, source_row: SourceRow) -> ImportRow:
        """Return a row with its claims, or with a note that says why it has none."""
        digest = sha256(source_row.raw).hexdigest()
        line = source_row.line
        if source_row.fault is not None:
            if self.step.again:
                return ImportRow(line=line, digest=digest)
            note = row_note(
                line,
                "rejected",
                *source_row.fault,
                column=source_row.column,
                value=source_row.value,
            )
            return self._refused(digest, note)
        row = Row(source_row.fields, self.run_.today, self.memo, self.step.layout.dates)
        try:
            stated = tuple(self.step.read(row, self.tables))
        except BadRow as error:
            note = row_note(
                line,
                "rejected",
                error.reason,
                error.message,
                column=error.column,
                value=error.value,
            )
            return self._refused(digest, note)
        notes: tuple[RowNote, ...] = ()
        if row.warnings:
            notes = tuple(row_note(line, "warned", *warning) for warning in row.warnings)
        return ImportRow(
            line=source_row.line, digest=digest, claims=stated, notes=notes, ignored=row.ignored
        )

    def _refused(self, digest: str, note: RowNote) -> ImportRow:
        if self.run_.strict:
            raise RowRejected(self.path.name, note)
        return ImportRow(line=note.line, digest=digest, notes=(note,))

    def _submit(
        self, first: int, rows: list[ImportRow], raws: dict[int, SourceRow], *, last: bool = False
    ) -> None:
        """Submit rows; a row by which a drawn business leaves the register goes alone."""
        drawn = self._drawn(rows)
        begin = 0
        for place, row in enumerate(rows):
            if waiting := drawn.get(row.line):
                if place > begin:
                    self._hand_in(first + begin, rows[begin:place], raws)
                begin = place + 1
                self._leave(first + place, row, raws, waiting, last=last and begin == len(rows))
        if begin < len(rows) or not rows:
            self._hand_in(first + begin, rows[begin:], raws, last=last)

    def _drawn(self, rows: list[ImportRow]) -> dict[int, tuple[str, ...]]:
        """Return, by line, the draw targets still to be visited of the businesses that leave."""
        leaving = {
            row.line: claim.entity
            for row in rows
            for claim in row.claims
            if isinstance(claim, Delists)
        }
        if not leaving:
            return {}
        memory = self.run_.memory()
        memory.fold_all(DrawnAt(entity) for entity in leaving.values())
        return {
            line: tuple(memory.fold(DrawnAt(entity)).waiting) for line, entity in leaving.items()
        }

    def _leave(
        self,
        first: int,
        row: ImportRow,
        raws: dict[int, SourceRow],
        waiting: tuple[str, ...],
        *,
        last: bool,
    ) -> None:
        """Submit a row with the reserves that it calls; repeat it if these changed meanwhile."""
        for attempt in range(1, ATTEMPTS + 1):
            self._wait_for_all()
            memory = self.run_.memory()
            called = (called_reserves(target, memory.fold, self.run_.content) for target in waiting)
            reserves = tuple(target for target in called if target is not None)
            self._hand_in(first, [row], raws, last=last, reserves=reserves)
            try:
                self._wait_for_all()
            except Unavailable:
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _hand_in(
        self,
        first: int,
        rows: list[ImportRow],
        raws: dict[int, SourceRow],
        *,
        last: bool = False,
        reserves: tuple[CalledReserves, ...] = (),
    ) -> None:
        run = self.run_
        while len(self.under_way) >= IN_FLIGHT:
            self._take_answer()
        command = ImportRows(
            import_id=self.import_id,
            mapping=run.mapping.name,
            file=self.path.name,
            digest=self.digest,
            bytes=self.bytes,
            first=first,
            rows=tuple(rows),
            blank=0 if self.source is None else self.source.blank,
            last=last,
            strict=run.strict,
            known=run.known,
            reserves=reserves,
        )
        context = make_context(
            command, run.actor, run.ledger.clock(), correlation_id=run.correlation
        )
        saying = {row.line for row in rows if row.claims}
        self.under_way.append((run.ledger.submit(command, context), saying, raws))

    def _take_answer(self) -> None:
        future, saying, raws = self.under_way.popleft()
        outcome = future.result()
        run, report = self.run_, self.report
        telling: set[int] = set()
        for record in outcome.events:
            run.recorded[record.envelope.type] += 1
            event = record.event
            if isinstance(event, ImportProgressed):
                report.rows, report.rejected = event.rows_done, event.rejected
                report.warned, report.ignored = event.warned, event.ignored
                report.blank = event.blank or 0
                for note in event.notes:
                    run.note(self.path.name, note, self.source, raws.get(note.line))
                    if note.kind == "rejected":
                        telling.add(note.line)
            elif isinstance(event, ImportFinished):
                report.blank = event.blank or 0
            elif record.envelope.provenance is not None:
                telling.add(record.envelope.provenance.row)
        run.report.known += len(saying - telling)
        if run.progress is not None:
            run.progress(
                Progress(
                    self.step.name,
                    self.path.name,
                    report.rows,
                    run.recorded.total(),
                    run.rejects.total(),
                )
            )

    def _wait_for_all(self) -> None:
        """Wait for the answers of all submitted batches, then raise the first failure."""
        failure: BaseException | None = None
        while self.under_way:
            try:
                self._take_answer()
            except Exception as error:  # noqa: BLE001  # raised below
                failure = failure or error
        if failure is not None:
            raise failure

    def _earlier_notes(self) -> dict[int, list[RowNote]]:
        """Return the recorded notes about the rows of this file, by line."""
        notes: dict[int, list[RowNote]] = {}
        query = as_query([ImportPlace(self.import_id).selector()])
        for stored in self.run_.ledger.recorder.read(query):
            event = decode(stored.position, stored.event.data).event
            if isinstance(event, ImportProgressed):
                for note in event.notes:
                    notes.setdefault(note.line, []).append(note)
        return notes


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Run the garbage collector less often.

    An import makes millions of small values without cycles; collecting at the usual rate takes a
    third of its time.
    """
    before = gc.get_threshold()
    if 0 < before[0] < 50_000:  # neither disabled nor less frequent already
        gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _find(mapping: RegisterMapping, folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir() and not folder.is_file():
        raise ImportFailed(
            f"{folder} must be a file or a folder; it is neither. Name the folder with the files."
        )
    files = {pattern: files_of(folder, pattern) for pattern in mapping.patterns}
    if not any(files.values()):
        there = sorted(path.name for path in _entries(folder))
        shown = ", ".join(there[:20]) + (f" and {len(there) - 20} more" if len(there) > 20 else "")
        wanted = ", ".join(f"{pattern}{{{','.join(ENDINGS)}}}" for pattern in mapping.patterns)
        raise ImportFailed(
            f"{folder} has no file of {mapping.name}. Files sought: {wanted}. Files present: "
            f"{shown or 'nothing'}."
        )
    return files


def _entries(folder: Path) -> list[Path]:
    return [folder] if folder.is_file() else list(folder.iterdir())


def _not_imported(mapping: RegisterMapping, folder: Path) -> list[str]:
    """Return the files of a folder that are neither imported nor consulted as lists."""
    patterns = {*mapping.patterns, *(lookup.pattern for lookup in mapping.lookups)}
    taken = {path for pattern in patterns for path in files_of(folder, pattern)}
    return sorted(
        path.name + ("/" if path.is_dir() else "") for path in _entries(folder) if path not in taken
    )


def _no_known_column(path: Path, column: str | None, known: date | None) -> str:
    since = f"{known}, as given for this import" if known else "the time of recording"
    lacking = f"no {column} column" if column else "no column with the day of the first report"
    return f"{path.name} has {lacking}: its facts count as known from {since}"
