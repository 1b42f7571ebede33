"""What ``supervision-ledger verify`` looks at, and how it says what it found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from ledger.opening import UnusableUrl, beside
from ledger.stores.files import mark_in
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.notes import NoteError, Verifier, parse_vkey
from ledger.verification import Fault, Files, Verification, verify_ledger
from ledger.verification.condition import condition
from ledger.verification.whole import Progress
from projections.opening import UNREADABLE, Verified, open_views, verify_views


def read_vkeys(given: Iterable[str]) -> tuple[Verifier, ...]:
    """Keys as people hand them on. Raises ``UnusableUrl`` for one that is none."""
    try:
        return tuple(parse_vkey(one) for one in given)
    except NoteError as error:
        raise UnusableUrl(str(error)) from error


def verify_all(
    recorder: SQLiteRecorder,
    *,
    keys: Sequence[Verifier] = (),
    witnesses: Sequence[Verifier] = (),
    workers: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> tuple[Verification, list[Verified]]:
    """The ledger with all that lies beside it; the views only once the ledger is in order."""
    found = verify_ledger(
        Files.of(recorder.path), keys=keys, witnesses=witnesses, workers=workers, progress=progress
    )
    if found.faults:
        return found, []
    file = beside(recorder.path, "views")
    if not file.exists():
        remark = "there are no views: they are made anew when the ledger is next served"
        return msgspec.structs.replace(found, remarks=(*found.remarks, remark)), []
    return _with_views(recorder, file, found, progress)


def _with_views(
    recorder: SQLiteRecorder, file: Path, found: Verification, progress: Progress
) -> tuple[Verification, list[Verified]]:
    """What was found of the ledger, and of its views, which lie in ``file``."""
    faults, readable = condition(file, None)
    if mark_in(file) not in (0, recorder.mark() or mark_in(file)):
        faults.append(Fault(0, "it is marked as that of another ledger", file.name))
    verified: list[Verified] = []
    if readable:
        with closing(open_views(f"sqlite:///{recorder.path}", read_only=True)) as views:
            head = recorder.head()
            try:
                verified = verify_views(recorder, views, lambda done: progress("views", done, head))
            except UNREADABLE as error:
                what = f"cannot be read: {getattr(error, 'orig', error)}"
                faults.append(Fault(0, what, file.name))
    if faults:
        said = "stop the service, move the file away, and serve again: views are made of the events"
        faults = [msgspec.structs.replace(one, what=f"{one.what}; {said}") for one in faults]
    behind = (
        f"view {view.view} has still {view.behind:,} events to follow"
        for view in verified
        if view.behind and view.same
    )
    return (
        msgspec.structs.replace(
            found, faults=(*found.faults, *faults), remarks=(*found.remarks, *behind)
        ),
        verified,
    )


def as_document(found: Verification, views: list[Verified]) -> str:
    """The result for machines."""
    document: dict[str, Any] = {
        "records": found.records,
        "faults": [
            {"where": fault.where, "position": fault.position or None, "what": fault.what}
            for fault in found.faults
        ],
        "remarks": found.remarks,
        "counts": found.counts,
        "views": [msgspec.to_builtins(view) | {"same": view.same} for view in views],
    }
    return msgspec.json.encode(document).decode()


def in_words(found: Verification, views: list[Verified]) -> Iterator[tuple[str, str]]:
    """The result for people: lines, each with its colour; the first bad place first."""
    for fault in found.faults:
        yield fault.words, "red"
    for view in views:
        says = "as the ledger has it" if view.same else "differs from the ledger: rebuild it"
        line = f"view {view.view} at {view.position}: {view.error or says}"
        yield line, "green" if view.same else "red"
    for remark in found.remarks:
        yield remark, "yellow"
    if not found.faults:
        counted = ", ".join(f"{count:,} {name}" for name, count in found.counts.items())
        yield f"as recorded, signed and counted: {counted}", "green"
