"""What ``supervision-ledger verify`` checks, and how it prints the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from ledger.opening import UnusableUrl, open_vault, sibling
from ledger.stores.files import mark_in
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.persons.held import wrong_keys
from ledger.transparency.notes import NoteError, Verifier, parse_vkey
from ledger.vault.store import VaultError
from ledger.verification import Fault, Files, Verification, verify_ledger
from ledger.verification.condition import condition
from ledger.verification.whole import A_COPY, Progress
from projections.follower import Views
from projections.opening import UNREADABLE, Verified, open_own_views, open_views, verify_views


def read_vkeys(given: Iterable[str]) -> tuple[Verifier, ...]:
    """Parse public keys in their text form. Raises ``UnusableUrl`` for an invalid one."""
    try:
        return tuple(parse_vkey(vkey) for vkey in given)
    except NoteError as error:
        raise UnusableUrl(str(error)) from error


def verify_all(
    recorder: LedgerRecorder,
    ledger_file: Path,
    *,
    keys: Sequence[Verifier] = (),
    witnesses: Sequence[Verifier] = (),
    workers: int | None = None,
    progress: Progress = lambda label, done, total: None,
) -> tuple[Verification, list[Verified]]:
    """Check the ledger with its other files; check the views only if the ledger has no fault.

    ``ledger_file``: the ledger's file, or a copy of a ledger in a database.
    """
    files = Files.of(ledger_file)
    if not isinstance(recorder, SQLiteRecorder):
        files = msgspec.structs.replace(files, vault=None)  # checked in the database itself
    result = verify_ledger(
        files, keys=keys, witnesses=witnesses, workers=workers, progress=progress
    )
    if result.faults:
        return result, []
    if not isinstance(recorder, SQLiteRecorder):
        result = msgspec.structs.replace(
            result,
            remarks=tuple(remark for remark in result.remarks if not remark.endswith(A_COPY)),
        )
        if wrong := _wrong_keys(recorder):
            return msgspec.structs.replace(result, faults=wrong), []
        with closing(open_own_views(recorder)) as shared:
            if not shared.places():
                return msgspec.structs.replace(result, remarks=(*result.remarks, _NO_VIEWS)), []
            return _compared(recorder, shared, result, [], progress)
    file = sibling(recorder.path, "views")
    if not file.exists():
        return msgspec.structs.replace(result, remarks=(*result.remarks, _NO_VIEWS)), []
    return _with_views(recorder, file, result, progress)


def _wrong_keys(recorder: LedgerRecorder) -> tuple[Fault, ...]:
    """Return the faults of the vault of a ledger in a database."""
    try:
        with open_vault(recorder) as vault:
            return tuple(
                Fault(key.position, key.what, f"person {key.person}")
                for key in wrong_keys(recorder, vault)
            )
    except VaultError as error:
        return (Fault(0, str(error), "vault"),)


_NO_VIEWS = "there are no views: the service will rebuild them when it next starts"


def _with_views(
    recorder: SQLiteRecorder, file: Path, result: Verification, progress: Progress
) -> tuple[Verification, list[Verified]]:
    """Add the check of the views in ``file`` to the result for the ledger."""
    faults, readable = condition(file, None)
    if mark_in(file) not in (0, recorder.mark() or mark_in(file)):
        faults.append(Fault(0, "it is marked as belonging to another ledger", file.name))
    if not readable:
        return _added(result, faults, [])
    with closing(open_views(f"sqlite:///{recorder.path}", read_only=True)) as views:
        return _compared(recorder, views, result, faults, progress)


def _compared(
    recorder: LedgerRecorder,
    views: Views,
    result: Verification,
    faults: list[Fault],
    progress: Progress,
) -> tuple[Verification, list[Verified]]:
    """Compare the views with new ones, and add what was found to the result."""
    head = recorder.head()
    verified: list[Verified] = []
    try:
        verified = verify_views(recorder, views, lambda done: progress("views", done, head))
    except UNREADABLE as error:
        reason = f"cannot be read: {getattr(error, 'orig', error)}"
        faults.append(Fault(0, reason, "views"))
    return _added(result, faults, verified)


def _added(
    result: Verification, faults: list[Fault], verified: list[Verified]
) -> tuple[Verification, list[Verified]]:
    if faults:
        advice = "stop the service, move the file away, and serve again: it rebuilds the views"
        faults = [msgspec.structs.replace(f, what=f"{f.what}; {advice}") for f in faults]
    behind = (
        f"view {view.view} must still follow {view.behind:,} events"
        for view in verified
        if view.behind and view.same
    )
    return (
        msgspec.structs.replace(
            result, faults=(*result.faults, *faults), remarks=(*result.remarks, *behind)
        ),
        verified,
    )


def as_document(result: Verification, views: list[Verified]) -> str:
    """Return the result as JSON, for programs."""
    document: dict[str, Any] = {
        "records": result.records,
        "faults": [
            {"where": fault.where, "position": fault.position or None, "what": fault.what}
            for fault in result.faults
        ],
        "remarks": result.remarks,
        "counts": result.counts,
        "views": [msgspec.to_builtins(view) | {"same": view.same} for view in views],
    }
    return msgspec.json.encode(document).decode()


def in_words(result: Verification, views: list[Verified]) -> Iterator[tuple[str, str]]:
    """Yield the result as lines for people, each with its colour; faults come first."""
    for fault in result.faults:
        yield fault.words, "red"
    for view in views:
        state = "agrees with the ledger" if view.same else "differs from the ledger: rebuild it"
        line = f"view {view.view} at {view.position}: {view.error or state}"
        yield line, "green" if view.same else "red"
    for remark in result.remarks:
        yield remark, "yellow"
    if not result.faults:
        counted = ", ".join(f"{count:,} {name}" for name, count in result.counts.items())
        yield f"unchanged since recorded, signed and counted: {counted}", "green"
