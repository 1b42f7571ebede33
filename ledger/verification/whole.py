"""Verify a whole ledger, with as many processes as there are cores."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from datetime import datetime
from multiprocessing import get_context
from typing import Any, NamedTuple

import msgspec

from ledger.stores import StoreError
from ledger.stores.sqlite import ANSWERS_SCHEMA, MORE_SCHEMA, SCHEMA, SQLiteRecorder
from ledger.transparency.keys import read_key
from ledger.transparency.notes import Verifier
from ledger.transparency.store import SIGNED_SCHEMA, TILES_SCHEMA
from ledger.transparency.tiles import WIDTH
from ledger.verification import log
from ledger.verification.asking import Records
from ledger.verification.blobs import verify_blobs
from ledger.verification.condition import condition
from ledger.verification.draws import verify_draws
from ledger.verification.ended import verify_ended
from ledger.verification.evidence import verify_evidence
from ledger.verification.faults import Fault, Files, Found, Verification
from ledger.verification.figures import verify_reports, verify_scores
from ledger.verification.files import asked, opened_file
from ledger.verification.identity import verify_identity
from ledger.verification.keys import Reign, itself, keys_in, reigns_of
from ledger.verification.persons import verify_persons
from ledger.verification.ranges import Range, Work, check

#: The remark on a ledger that was copied or restored, and whose log was not resumed since.
A_COPY = (
    "the file of signed checkpoints is a copy, or names another file as the original: the log "
    "signs nothing until an operator confirms it (log resume)"
)

#: The parts of the schema that a file of an earlier version may lack.
_MORE = (*MORE_SCHEMA, *ANSWERS_SCHEMA)

#: Below this number of records, starting other processes takes longer than it saves.
ALONE = 20_000

#: The most records of a range: its process keeps 8 bytes for each. Each range reads the whole tag
#: index, so many short ranges cost more.
LONGEST = 4_000_000

#: How often to look at the progress of the processes, in seconds.
_LOOK = 0.1

#: Finds tags at positions without a record. A concurrent append writes both in one transaction.
_STRAYS = (
    "SELECT DISTINCT position FROM event_tags t WHERE (position < 1 OR position > ?)"
    " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.position = t.position)"
    " ORDER BY position LIMIT 100"
)
_BEFORE = "SELECT position FROM events WHERE position < 1 ORDER BY position LIMIT 100"

#: What is raised if processes cannot be started: too many processes, no shared memory, or a
#: temporary folder whose path is too long for a socket.
_NO_PROCESS = (OSError, EOFError, ImportError, NotImplementedError)

#: What is raised by code that computes from records which do not fit together.
_UNFIT = (AssertionError, AttributeError, ArithmeticError, LookupError, TypeError, ValueError)

#: Receives what is being checked, how much of it is done, and the total (``None`` if unknown).
Progress = Callable[[str, int, int | None], None]


class ProcessDied(StoreError):
    """A verifying process died; this is not a fault of the ledger."""


def verify_ledger(
    files: Files,
    *,
    keys: Sequence[Verifier] = (),
    witnesses: Sequence[Verifier] = (),
    workers: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Verification:
    """Verify everything that ``files`` name, up to the head at the time of the call.

    ``keys``: known keys of the log, from which its other keys are followed; without them the key
    file is used. ``witnesses``: the keys whose cosignatures are checked. ``workers``: the number of
    processes, by default one for each core. Draws, months and scores are checked only if the
    records have no fault.

    Safe on a ledger in use. Raises ``StoreError`` if a file cannot be read or a process died.
    """
    files, remarks, gone = _there(files)
    files, damaged = _whole_files(files)
    damaged += gone
    if not keys and files.key is not None:
        keys = (read_key(files.key).verifier(),)
    reigns, misled = reigns_of(files, keys) if keys else ((), [])
    if files.signed is not None:
        forgotten, copied = itself(files.signed)
        damaged += forgotten
        remarks += [A_COPY] if copied else []
    if not keys and files.signed is not None:
        remarks.append(
            "the log's key is not known, so no signature was checked: give it with --key"
        )
    # Read these before the head: otherwise a ledger that grows meanwhile would seem to lack events.
    signed, tiles = log.promised(files)
    with SQLiteRecorder(files.ledger, read_only=True) as recorder:
        strange, remarked = verify_identity(files, recorder)
        damaged += strange
        remarks += remarked
        head = recorder.head()
        whole = _Whole(files, reigns, tuple(witnesses), workers, progress)
        faults, counts = whole.records(head)
        faults += damaged
        faults += misled
        faults += log.lost_ends(files, signed, tiles, head)
        if whole.strangers:
            names = ", ".join(sorted(whole.strangers))
            remarks.append(f"signatures of {names} were not checked: their keys were not given")
        if files.access is not None:
            try:
                accesses = _access(files.accesses(), workers, progress)
            except ProcessDied:
                raise
            except StoreError as error:
                accesses = Verification(0, (Fault(0, str(error), files.access.name),))
            faults += accesses.faults
            remarks += [f"access ledger: {remark}" for remark in accesses.remarks]
            counts |= accesses.counts
        if faults:
            remarks.append("draws, months and scores were not checked: repair these faults first")
        else:
            for name, found in _made_of(recorder, head, files, progress):
                counts[name] = found.count
                # The draw check already reported faults in its blobs, with their role.
                reported = [fault.what for fault in faults]
                faults += [
                    fault
                    for fault in found.faults
                    if not any(fault.place.removeprefix("blob ") in what for what in reported)
                ]
                remarks += found.remarks
    return Verification(head, tuple(faults), tuple(remarks), counts)


def verify_records(
    recorder: SQLiteRecorder,
    *,
    workers: int | None = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Verification:
    """Check only the records and tags of a ledger, up to its head at the time of the call."""
    whole = _Whole(
        Files(ledger=recorder.path), (), (), workers, lambda what, done, total: progress(done)
    )
    head = recorder.head()
    return Verification(head, tuple(whole.records(head)[0]))


def _whole_files(files: Files) -> tuple[Files, list[Fault]]:
    """Return the files without unreadable tiles or checkpoints, and the faults of those files."""
    faults: list[Fault] = []
    for name, schema in (("tiles", TILES_SCHEMA), ("signed", SIGNED_SCHEMA)):
        path = getattr(files, name)
        if path is not None:
            wrong, readable = condition(path, schema)
            faults += wrong
            if not readable:
                files = msgspec.structs.replace(files, **{name: None})
    return files, faults


class _Whole:
    """Verifies the records with their log, range by range."""

    def __init__(
        self,
        files: Files,
        reigns: tuple[Reign, ...],
        witnesses: tuple[Verifier, ...],
        workers: int | None,
        progress: Progress,
    ) -> None:
        self._work = Work(files, 0, 0, reigns, witnesses)
        self._workers = workers
        self._progress = progress
        self.strangers: set[str] = set()

    def records(self, head: int) -> tuple[list[Fault], dict[str, int]]:
        """Return the faults, in this order: records, their file, tiles, checkpoints; and counts."""
        with ThreadPoolExecutor(1) as thread:
            # Check the file while the records are read; SQLite lets other threads run meanwhile.
            looking = thread.submit(condition, self._work.files.ledger, SCHEMA, _MORE)
            try:
                records, log_, counts = self._chain(head)
            except ProcessDied:
                raise
            except (StoreError, TypeError, AttributeError):
                # The file cannot be read to its end, or its tables are not the program's. The check
                # of the file reports this, so raise only if it found nothing.
                if looking.result()[1]:
                    raise
                records, log_, counts = [], [], {"records": head}
        return records + looking.result()[0] + log_, counts

    def _chain(self, head: int) -> tuple[list[Fault], list[Fault], dict[str, int]]:
        """Return the faults of the records, those of tiles and checkpoints, and counts."""
        files = self._work.files
        tree, agreed = log.Tree(), 0
        records, tiles, checkpoints = Found(), Found(), Found()
        cosignatures = 0
        fork: Fault | None = None
        latest: datetime | None = None
        for part in self._ranges(head):
            tree.extend(part.roots)
            records.faults += part.records
            tiles.faults += part.tiles
            checkpoints.faults += part.checkpoints
            if fork is None:
                # Report only the first differing root; every later one differs as well.
                fork, agreed = log.first_fork(tree, part.seen, agreed)
            untimely, latest = log.out_of_time(part.seen, latest)
            checkpoints.faults += untimely
            tiles.count += part.compared
            checkpoints.count += part.signed
            cosignatures += part.cosignatures
            self.strangers |= part.strangers
        with ExitStack() as opened:
            ledger = opened_file(opened, files.ledger)
            for sql, parameters in ((_BEFORE, ()), (_STRAYS, (head,))):
                what = "tags without a record" if parameters else "a position must be at least 1"
                rows = asked(ledger, files.ledger, sql, *parameters)
                records.faults += [Fault(position, what) for (position,) in rows]
        if files.tiles is not None:
            wrong, count = log.higher_tiles(tree, files.tiles)
            tiles.faults += wrong
            tiles.count += count
        if fork is not None:
            checkpoints.faults.insert(0, fork)  # first, because it causes other faults
        for findings in (records, checkpoints):
            findings.faults.sort(key=lambda fault: fault.position)
        counts = {"records": head}
        if files.tiles is not None:
            counts["tiles"] = tiles.count
        if files.signed is not None:
            counts["checkpoints"] = checkpoints.count
            counts["cosignatures"] = cosignatures
        return records.faults, tiles.faults + checkpoints.faults, counts

    def _ranges(self, head: int) -> Iterator[Range]:
        workers = min(self._workers or _cores(), -(-head // WIDTH)) if head >= ALONE else 1
        length = min(LONGEST, -(-head // max(workers, 1)))
        length = -(-length // WIDTH) * WIDTH
        works = [
            msgspec.structs.replace(self._work, after=after, up_to=min(after + length, head))
            for after in range(0, head, max(length, 1))
        ]
        started = None if workers < 2 else _started(works, workers)
        if started is None:
            done = 0

            def tell(records: int) -> None:
                nonlocal done
                done += records
                self._progress("records", done, head)

            for work in works:
                yield check(work, tell)
            return
        yield from self._gathered(started, head)

    def _gathered(self, started: _Started, head: int) -> Iterator[Range]:
        waiting = set(started.futures)
        try:
            for future in started.futures:
                while not future.done():
                    wait(waiting, _LOOK, "FIRST_COMPLETED")
                    waiting = {other for other in waiting if not other.done()}
                    self._progress("records", started.done.value, head)
                yield future.result()
        except BrokenProcessPool:
            raise ProcessDied(
                "a process that checked the records died, perhaps for lack of memory, so the "
                "result is not known. Try again with fewer processes: --workers 1"
            ) from None
        finally:
            # Let the processes free their memory while the rest is checked.
            started.pool.shutdown(wait=False, cancel_futures=True)


class _Started(NamedTuple):
    """Processes at work; ``done``: how many records all of them have checked."""

    pool: ProcessPoolExecutor
    done: Any
    futures: list[Future[Range]]


def _started(works: list[Work], workers: int) -> _Started | None:
    """Start the processes; return ``None`` if none can be started, so that this one must do it."""
    # Fork from a server process that has imported this module and has no threads, because this
    # process may have threads.
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ExitStack() as failed:
        try:
            done = context.Value("q", 0)
            pool = ProcessPoolExecutor(workers, context, _begin, (done,))
            failed.callback(pool.shutdown, wait=False, cancel_futures=True)
            futures = [pool.submit(_checked, work) for work in works]
        except _NO_PROCESS:
            return None
        failed.pop_all()
    return _Started(pool, done, futures)


#: In a process of a pool: how many records all of them have checked.
_done: Any = None


def _begin(done: Any) -> None:
    global _done  # noqa: PLW0603 - the only way to pass a shared value to a pool's processes
    _done = done
    # Ctrl-C reaches every process of a terminal; let it end this one without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # A range makes many objects without cycles; the garbage collector took a third of the time.
    gc.disable()


def _checked(work: Work) -> Range:
    def tell(records: int) -> None:
        with _done.get_lock():
            _done.value += records

    return check(work, tell)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _there(files: Files) -> tuple[Files, list[str], list[Fault]]:
    """Return the files that exist, and the remarks and faults about those that are missing."""
    absent = {
        "tiles": "there are no tiles: the log makes them again when it is next served",
        "signed": "this ledger has no signed checkpoints: only the records themselves show that "
        "it was not rewritten as a whole",
        "access": None,
        "key": None,
    }
    remarks, gone = [], []
    # A log makes the file of its checkpoints before its key and its tiles.
    left = [str(path) for path in (files.key, files.tiles) if path is not None and path.exists()]
    if files.signed is not None and not files.signed.exists() and left:
        what = (
            f"it is missing, but files that belong to it exist: {', '.join(left)}. It holds the "
            "log's signed checkpoints: put it back, if necessary from a backup (docs/backup.md)"
        )
        gone.append(Fault(0, what, files.signed.name))
        files = msgspec.structs.replace(files, signed=None)
    if files.access is not None and not files.access.exists():
        of = files.accesses()
        left = [str(path) for path in (of.signed, of.tiles, of.key) if path and path.exists()]
        if left:
            what = (
                f"it is missing, but files that belong to it exist: {', '.join(left)}. It holds "
                "refused commands and consultations: put it back, if necessary from a backup"
            )
            gone.append(Fault(0, what, files.access.name))
        elif files.signed is not None and files.signed.exists():
            remarks.append(
                f"there is no {files.access.name}, although a ledger that was served has one: "
                "either no refusal or consultation was ever recorded, or the file was removed"
            )
    for name, remark in absent.items():
        path = getattr(files, name)
        if path is not None and not path.exists():
            files = msgspec.structs.replace(files, **{name: None})
            remarks += [] if remark is None else [remark]
    return files, remarks, gone


def _access(files: Files, workers: int | None, progress: Progress) -> Verification:
    """Verify the access ledger and its log; its results get the prefix "access"."""

    def tell(what: str, done: int, total: int | None) -> None:
        progress(f"access {what}", done, total)

    # Without the key file, as in a backup without secrets, use the public keys that the log itself
    # names; they are not published elsewhere.
    known = files.key is not None and files.key.exists()
    keys = () if known or files.signed is None else keys_in(files.signed)
    found = verify_ledger(files, keys=keys, workers=workers, progress=tell)
    return Verification(
        found.records,
        tuple(
            Fault(fault.position, fault.what, f"access ledger, {fault.where}")
            for fault in found.faults
        ),
        found.remarks,
        {
            f"access {name}": found.counts[name]
            for name in ("records", "checkpoints")
            if name in found.counts
        },
    )


def _made_of(
    recorder: SQLiteRecorder, head: int, files: Files, progress: Progress
) -> Iterator[tuple[str, Found]]:
    """Yield the checks of all that follows from the records, and of the files that they name."""
    records = Records(recorder, head)

    def counted(name: str) -> Callable[[int], None]:
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            done += more
            progress(name, done, None)

        return tell

    looks: dict[str, Callable[[], Found]] = {
        "draws": lambda: verify_draws(records, files.blobs, files.signed, counted("draws")),
        "monthly reports": lambda: verify_reports(records, counted("monthly reports")),
        "scores": lambda: verify_scores(records, counted("scores")),
    }
    if (blobs := files.blobs) is not None:
        looks["pieces"] = lambda: verify_blobs(records, blobs, counted("pieces"))
        looks["evidence"] = lambda: verify_evidence(
            records, blobs, files.vault, counted("evidence")
        )
    if (vault := files.vault) is not None:
        looks["persons"] = lambda: verify_persons(records, recorder, vault)
    if (ended := files.ended) is not None:
        looks["ended logs"] = lambda: verify_ended(recorder, ended)
    for name, look in looks.items():
        try:
            found = look()
        except _UNFIT as error:
            # Each record is valid, but no commands could have recorded them together. Continue with
            # the other checks.
            found = Found()
            found.wrong(name, f"their records do not fit together: {error!r}")
        yield name, found
