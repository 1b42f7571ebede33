"""A ledger verified as a whole, by as many processes as there are cores."""

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

#: Remarked of a ledger that was restored, and of one of which somebody changed where it lies.
A_COPY = (
    "the file of what was signed is a copy, or says of another file that it is the original: "
    "nothing is signed until somebody has looked (log resume)"
)

#: What a ledger's file may lack, if an earlier program made it.
_MORE = (*MORE_SCHEMA, *ANSWERS_SCHEMA)

#: Records below which other processes take longer to start than they save.
ALONE = 20_000

#: Records of a stretch at most: its process keeps 8 bytes for each. Each stretch reads the whole
#: tag index, so more and shorter ones cost more.
LONGEST = 4_000_000

#: How often it is looked how far the processes are, in seconds.
_LOOK = 0.1

#: Tags of positions that no record has. What a writer appends meanwhile has both.
_STRAYS = (
    "SELECT DISTINCT position FROM event_tags t WHERE (position < 1 OR position > ?)"
    " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.position = t.position)"
    " ORDER BY position LIMIT 100"
)
_BEFORE = "SELECT position FROM events WHERE position < 1 ORDER BY position LIMIT 100"

#: What is raised where processes cannot be had: too many of them, no memory that they share, a
#: temporary folder whose name is too long for a socket in it.
_NO_PROCESS = (OSError, EOFError, ImportError, NotImplementedError)

#: What is raised by whoever counts what cannot be counted.
_UNFIT = (AssertionError, AttributeError, ArithmeticError, LookupError, TypeError, ValueError)

#: Told what is being looked at, how far it is, and of how much (``None``: nobody knows).
Progress = Callable[[str, int, int | None], None]


class ProcessDied(StoreError):
    """A process that was looking died, by no fault of what it was looking at."""


def verify_ledger(
    files: Files,
    *,
    keys: Sequence[Verifier] = (),
    witnesses: Sequence[Verifier] = (),
    workers: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Verification:
    """Verify everything that ``files`` name, up to the head at the time of the call.

    ``keys``: one or more that are known to be the log's; without them its key file says which. From
    there its other keys are followed. ``witnesses``: whose
    cosignatures are checked. ``workers``: processes; as many as there are cores unless it is said.
    What is made of the records (draws, months, scores) is looked at once these are in order.

    Safe on a ledger that is being written. Raises ``StoreError`` for a file that cannot be read,
    and if a process died.
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
    # In this order, or a ledger that grows meanwhile would seem to have lost events.
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
            remarks.append(f"signature lines of {names} were passed over: their keys are not given")
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
            remarks.append("draws, months and scores were not looked at: first put this in order")
        else:
            for name, found in _made_of(recorder, head, files, progress):
                counts[name] = found.count
                # A draw has said of its own pieces what is wrong, and what they are to it.
                said = [one.what for one in faults]
                faults += [
                    one
                    for one in found.faults
                    if not any(one.place.removeprefix("piece ") in what for what in said)
                ]
                remarks += found.remarks
    return Verification(head, tuple(faults), tuple(remarks), counts)


def verify_records(
    recorder: SQLiteRecorder,
    *,
    workers: int | None = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Verification:
    """Check the records and tags of a ledger alone, up to its head at the time of the call."""
    whole = _Whole(
        Files(ledger=recorder.path), (), (), workers, lambda what, done, total: progress(done)
    )
    head = recorder.head()
    return Verification(head, tuple(whole.records(head)[0]))


def _whole_files(files: Files) -> tuple[Files, list[Fault]]:
    """Those beside the ledger that can be read throughout, and what is wrong with them."""
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
    """The records with their log, stretch by part."""

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
        """What is wrong, in the order of the chain: records, their file, tiles, checkpoints."""
        with ThreadPoolExecutor(1) as thread:
            # Beside the reading of the records: SQLite lets other threads run meanwhile.
            looking = thread.submit(condition, self._work.files.ledger, SCHEMA, _MORE)
            try:
                records, log_, counts = self._chain(head)
            except ProcessDied:
                raise
            except (StoreError, TypeError, AttributeError):
                # A file that cannot be read to its end, or whose tables are others and hold
                # anything; it is said where it is damaged, or how it is built.
                if looking.result()[1]:
                    raise
                records, log_, counts = [], [], {"records": head}
        return records + looking.result()[0] + log_, counts

    def _chain(self, head: int) -> tuple[list[Fault], list[Fault], dict[str, int]]:
        """What is wrong with the records, and with tiles and checkpoints; and counts."""
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
                # What follows on the first that differs differs too.
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
                what = "tags without a record" if parameters else "no record stands before 1"
                rows = asked(ledger, files.ledger, sql, *parameters)
                records.faults += [Fault(position, what) for (position,) in rows]
        if files.tiles is not None:
            wrong, count = log.higher_tiles(tree, files.tiles)
            tiles.faults += wrong
            tiles.count += count
        if fork is not None:
            checkpoints.faults.insert(0, fork)  # the cause, before what follows from it
        for part in (records, checkpoints):
            part.faults.sort(key=lambda fault: fault.position)
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
                    waiting = {one for one in waiting if not one.done()}
                    self._progress("records", started.done.value, head)
                yield future.result()
        except BrokenProcessPool:
            raise ProcessDied(
                "a process that looked at the records died, for want of memory perhaps: nothing "
                "is known of them. Try again with fewer: --workers 1"
            ) from None
        finally:
            # They give their memory back while the rest is looked at.
            started.pool.shutdown(wait=False, cancel_futures=True)


class _Started(NamedTuple):
    """Processes at work; ``done``: how many records all of them have checked."""

    pool: ProcessPoolExecutor
    done: Any
    futures: list[Future[Range]]


def _started(works: list[Work], workers: int) -> _Started | None:
    """Other processes at work; ``None`` where none can be started, and this one has to do."""
    # Forked from a process that has imported this once, and no thread: this one may have some.
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
    global _done  # noqa: PLW0603 - what a process is started with has no other place
    _done = done
    # Ctrl-C reaches every process of a terminal: this one ends by it, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # A stretch makes many objects and no cycle among them; looking for cycles took a third.
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
    """Those of the files that are there, and what follows from the absence of the others."""
    absent = {
        "tiles": "there are no tiles: the log makes them anew when it is next served",
        "signed": "nothing was signed of this ledger: that nobody rewrote it as a whole rests on "
        "the records alone",
        "access": None,
        "key": None,
    }
    remarks, gone = [], []
    # A log makes the file of what it signs before its key and its tiles.
    left = [str(path) for path in (files.key, files.tiles) if path is not None and path.exists()]
    if files.signed is not None and not files.signed.exists() and left:
        what = (
            f"it is gone, and what belongs to it lies there: {', '.join(left)}. It is the log's "
            "memory of what it signed: put it back, from a backup if need be (docs/backup.md)"
        )
        gone.append(Fault(0, what, files.signed.name))
        files = msgspec.structs.replace(files, signed=None)
    if files.access is not None and not files.access.exists():
        of = files.accesses()
        left = [str(one) for one in (of.signed, of.tiles, of.key) if one and one.exists()]
        if left:
            what = (
                f"it is gone, and what belongs to it lies there: {', '.join(left)}. Put it back, "
                "from a backup if need be: it says who was refused and who looked"
            )
            gone.append(Fault(0, what, files.access.name))
        elif files.signed is not None and files.signed.exists():
            remarks.append(
                f"there is no {files.access.name}: nobody was ever refused, or looked, or it was "
                "taken away; a ledger that was served has one"
            )
    for name, remark in absent.items():
        path = getattr(files, name)
        if path is not None and not path.exists():
            files = msgspec.structs.replace(files, **{name: None})
            remarks += [] if remark is None else [remark]
    return files, remarks, gone


def _access(files: Files, workers: int | None, progress: Progress) -> Verification:
    """The access ledger, which has files and a log of its own, under names that tell it apart."""

    def tell(what: str, done: int, total: int | None) -> None:
        progress(f"access {what}", done, total)

    # A backup without secrets holds its key nowhere else. Nobody knows it from elsewhere either.
    known = files.key is not None and files.key.exists()
    keys = () if known or files.signed is None else keys_in(files.signed)
    found = verify_ledger(files, keys=keys, workers=workers, progress=tell)
    return Verification(
        found.records,
        tuple(Fault(one.position, one.what, f"access ledger, {one.where}") for one in found.faults),
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
    """What follows from the records, made again from them; what lies beside them by their word."""
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
            # Records that no command gives, though each by itself is one. The rest is looked at.
            found = Found()
            found.wrong(name, f"the records of them do not fit together: {error!r}")
        yield name, found
