"""Checks of draw files and draw receipts that need no ledger and no network.

``verify`` repeats the draw from the file alone and names the first difference. ``check_receipt``
says whether the business of a receipt was drawn.

Some things must be trusted. The file names the keys of the log; a reader who does not know them
must compare them with another source. The log's signature has no time, so the time of a checkpoint
is only a claim of the file. A witness signs the time too; its signature is checked if its key is
given. A receipt proves what the outcome in the log says about a business. Only the draw file proves
that the outcome is right.

This module imports ``uvdraw`` and the checks of proofs, but nothing that knows a ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

import msgspec

from ledger.systems.draws import uvdraw
from ledger.systems.draws.drawfile import Assignment, DrawFile, DrawReceipt, Lines, Place
from ledger.systems.draws.logged import (
    Announcement,
    Beyond,
    Checks,
    Differs,
    Execution,
    Keys,
    Seed,
    Unchecked,
    Yielding,
    logged_checks,
    nothing_withheld,
    same,
)
from ledger.transparency.notes import COSIGNATURE, ED25519, NoteError, Verifier, parse_vkey

S = TypeVar("S", DrawFile, DrawReceipt)

#: The smallest number of officers of a visit by law (行政处罚法 第四十二条).
_TOGETHER = 2

#: The number of hex digits of a ticket or hash that a message shows.
_SHOWN = 16


class Report(msgspec.Struct):
    """The result of a check.

    ``held`` has what was checked and is right, ``unchecked`` what could not be checked, ``differs``
    the first difference. ``beyond`` has what no file of this kind could show.
    """

    held: list[str] = []
    unchecked: list[str] = []
    beyond: list[str] = []
    differs: str | None = None

    @property
    def complete(self) -> bool:
        """Whether everything was checked and is right."""
        return self.differs is None and not self.unchecked


class _Named(msgspec.Struct):
    format: str


class _Line(msgspec.Struct):
    uscc: str
    stratum: str
    rank: int


def verify(content: bytes, *, keys: Iterable[str] = (), witnesses: Iterable[str] = ()) -> Report:
    """Repeat the draw of a draw file and compare the result with the file.

    ``keys`` are the keys of the log, if known from another source; otherwise those in the file are
    used. ``witnesses`` are keys of witnesses that must all have cosigned the announcement before
    the first value was published.
    """
    return _reported(content, DrawFile, keys, witnesses, _draw_checks)


def check_receipt(
    content: bytes, *, keys: Iterable[str] = (), witnesses: Iterable[str] = ()
) -> Report:
    """Check a draw receipt; ``keys`` and ``witnesses`` are as in ``verify``."""
    return _reported(content, DrawReceipt, keys, witnesses, _receipt_checks)


def _reported(
    content: bytes,
    kind: type[S],
    keys: Iterable[str],
    witnesses: Iterable[str],
    checks: Callable[[S, Keys], Checks],
) -> Report:
    report = Report()
    try:
        file = _decoded(content, kind)
        given = list(keys)
        known = Keys(
            [_key_of("keys", "a log", ED25519, key) for key in given or file.keys],
            [_key_of("witnesses", "a witness", COSIGNATURE, key) for key in witnesses],
            known=bool(given),
        )
        for sentence in checks(file, known):
            match sentence:
                case Unchecked():
                    report.unchecked.append(str(sentence))
                case Beyond():
                    report.beyond.append(str(sentence))
                case _:
                    report.held.append(sentence)
    except RecursionError:
        report.differs = "the file is nested too deeply for a draw file"
    except (ValueError, msgspec.MsgspecError) as error:
        report.differs = str(error)
    return report


def _decoded(content: bytes, kind: type[S]) -> S:
    try:
        msgspec.json.decode(content, type=_Named)  # otherwise msgspec accepts a file without format
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError:
        raise  # the error names the field
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Differs(f"the file is not valid JSON: {error}") from error
    except ValueError:
        raise Differs("a number in the file has too many digits") from None


def _key_of(field: str, whose: str, kind: int, vkey: str) -> Verifier:
    try:
        key = parse_vkey(vkey)
    except NoteError as error:
        raise Differs(f"`{field}`: {error}") from error
    if key.kind != kind:
        raise Differs(f"{vkey} is not the key of {whose}; its kind must be {kind}")
    return key


def _draw_checks(file: DrawFile, keys: Keys) -> Checks:
    announced, seed, execution = yield from logged_checks(file, keys)
    if seed is None:
        yield Unchecked(f"the draw is {file.stage}: it has no seed yet")
    roster: bytes | None = None
    if file.roster is None:
        yield Unchecked(f"the roster is not in the file: {file.withheld or 'no reason is given'}")
    else:
        nothing_withheld(file)
        roster = yield from _roster_checks(file.roster, announced)
    if seed is not None and execution is None:
        yield Unchecked(f"the draw is {file.stage}: it was not carried out")
    if file.selection is not None and execution is None:
        raise Differs("the file has a selection but no outcome")
    if seed is not None and execution is not None and roster is not None:
        yield from _selection_checks(file, announced, seed, execution, roster)
    elif file.selection is not None and execution is not None:
        _same_selection([uvdraw.line(entry) for entry in file.selection], execution)
    yield from _officer_checks(file, announced, seed, execution)


def _roster_checks(entries: Lines, announced: Announcement) -> Yielding[bytes]:
    """Check that the roster is the announced one; return its canonical bytes."""
    lines = uvdraw.roster_lines(entries)
    roster = uvdraw.roster_bytes(lines)
    same("the hash of the roster is", uvdraw.roster_hash(roster), announced.roster_hash)
    same("the root of the roster is", uvdraw.roster_root(lines), announced.roster_root)
    same("the roster has", len(lines), announced.roster_count)
    sizes: dict[str, int] = {}
    for entry in entries:
        key = str(entry.get(announced.by))
        sizes[key] = sizes.get(key, 0) + 1
        weight = entry.get("weight", 1)
        if not isinstance(weight, int):
            raise Differs(f"{entry['uscc']} has the weight {weight!r}, which is not a whole number")
    same("the strata of the roster are", sizes, announced.roster_strata)
    yield f"the roster of {len(lines)} is the announced one: {announced.roster_hash}"
    return roster


def _selection_checks(
    file: DrawFile,
    announced: Announcement,
    seed: Seed,
    execution: Execution,
    roster: bytes,
) -> Checks:
    """Repeat the draw and compare every ticket, rank and probability."""
    strata = uvdraw.draw_roster(
        roster,
        announced.draw,
        seed.seed,
        announced.ratios,
        by=announced.by,
        reserves=announced.reserves,
    )
    lines = uvdraw.selection_lines(strata)
    if file.selection is None:
        yield Unchecked("the selection is not in the file; its hash and root are checked")
    else:
        for index, (given, line) in enumerate(zip(file.selection, lines, strict=False)):
            if uvdraw.line(given) != line:
                _name_difference(index, given, msgspec.json.decode(line))
        same("the lines of the selection are", len(file.selection), len(lines))
    _same_selection(lines, execution)
    yield (
        f"repeating the draw gives the same {execution.selected} businesses and "
        f"{len(lines) - execution.selected} reserves: {execution.selection_hash}"
    )


def _same_selection(lines: list[bytes], execution: Execution) -> None:
    digest = uvdraw.roster_hash(uvdraw.roster_bytes(lines))
    same("the hash of the selection is", execution.selection_hash, digest)
    same("the root of the selection is", execution.selection_root, uvdraw.roster_root(lines))


def _officer_checks(
    file: DrawFile, announced: Announcement, seed: Seed | None, execution: Execution | None
) -> Checks:
    """Check that officers were assigned in the drawn order, and only to drawn businesses.

    Without the officer roster nothing is checked; the names of officers need not be public. The
    file has no records that prove assignments, because they would name more people.
    """
    if file.officers is None:
        if file.assignments or file.parts:
            raise Differs("the file has assignments but no officers")
        return
    rosters = [_Officers("", file.officers, announced.officer_roster_hash, file.assignments)]
    if file.parts or not announced.further:
        units = [part.unit for part in announced.further]
        same("the further units are", [part.unit for part in file.parts], units)
    else:
        absent = ", ".join(part.unit for part in announced.further)
        yield Unchecked(f"the officers of {absent} are not in the file")
    rosters += [
        _Officers(f" of {part.unit}", part.officers, due.officer_roster_hash, part.assignments)
        for part, due in zip(file.parts, announced.further, strict=False)
    ]
    for roster in rosters:
        canonical = msgspec.json.encode(sorted(roster.officers))
        digest = uvdraw.roster_hash(canonical)
        same(f"the hash of the officer roster{roster.whose} is", digest, roster.announced)
        yield f"the officer roster{roster.whose} is the announced one: {digest}"
    if seed is None or execution is None:
        sent = sum(len(roster.assignments) for roster in rosters)
        same("before the draw the number of assignments is", sent, 0)
        return
    for roster in rosters:
        _order_checks(roster, announced, seed)
    yield from _assigned_checks(file, announced)
    own, *others = rosters
    for roster in others:
        visited = sorted(visit.entity for visit in roster.assignments)
        # The units visit together, so all of them visit the same businesses.
        same(
            f"the businesses visited by the officers{roster.whose} are",
            visited,
            sorted(visit.entity for visit in own.assignments),
        )
    if file.assignments:
        passed_over = sum(len(visit.skipped) for r in rosters for visit in r.assignments)
        yield f"the officers of {len(file.assignments)} visits were assigned in the drawn order"
        yield Unchecked(
            "only this file claims that these assignments were recorded, and only this file gives "
            f"the reasons why {passed_over} officers were passed over"
        )


class _Officers(msgspec.Struct):
    """The officers of one unit; ``whose`` names it in messages if it is a further unit."""

    whose: str
    officers: tuple[str, ...]
    announced: str
    assignments: tuple[Assignment, ...]


def _order_checks(roster: _Officers, announced: Announcement, seed: Seed) -> None:
    """Check each assignment against the drawn order of its unit's officers."""
    for visit in roster.assignments:
        if len(visit.officers) < _TOGETHER:
            raise Differs(
                f"{visit.entity} is visited by {len(visit.officers)}{roster.whose}; it must be at "
                f"least {_TOGETHER}"
            )
        order = uvdraw.officer_order(seed.seed, announced.draw, visit.entity, roster.officers)
        passed = [skipped.get("officer") for skipped in visit.skipped]
        asked = order[: len(visit.officers) + len(passed)]
        due = [officer for officer in asked if officer not in passed]
        same(f"the officers{roster.whose} of {visit.entity} are", list(visit.officers), due)
        before = [officer for officer in asked if officer in passed]
        same(f"passed over{roster.whose} for {visit.entity} were", passed, before)


def _assigned_checks(file: DrawFile, announced: Announcement) -> Checks:
    """Check that officers visit the drawn businesses and called reserves, and no others."""
    visited = [visit.entity for visit in file.assignments]
    if len(set(visited)) < len(visited):
        raise Differs("officers are assigned to a business twice")
    if file.selection is None:
        if visited:
            yield Unchecked(
                "whether the visited businesses were drawn: the selection is not in the file"
            )
        return
    lines = msgspec.convert(file.selection, list[_Line])
    for entity in sorted(set(visited) - {line.uscc for line in lines}):
        raise Differs(f"{entity} has officers but is not in the selection")
    dues = {key: announced.quota(key) for key in announced.ratios}
    drawn = [line.uscc for line in lines if line.rank <= dues.get(line.stratum, 0)]
    left = [entity for entity in drawn if entity not in set(visited)]
    if left:
        yield Unchecked(
            f"{len(left)} of {len(drawn)} drawn businesses have no officers, {left[0]} first: it "
            "may be too early, or they were exempted"
        )


def _receipt_checks(file: DrawReceipt, keys: Keys) -> Checks:
    announced, seed, execution = yield from logged_checks(file, keys)
    assert seed is not None
    assert execution is not None
    if file.stratum not in announced.ratios:
        raise Differs(f"{file.stratum} is not a stratum of the draw")
    ticket = _ticket_of(file, file.entity, "roster", file.roster, announced=announced, seed=seed)
    yield f"{file.entity} was on the announced roster, in stratum {file.stratum}"
    same("its ticket is", file.ticket, ticket)
    due, size = announced.quota(file.stratum), announced.roster_strata.get(file.stratum, 0)
    if (file.threshold is None) is not (due == 0):
        raise Differs(
            f"{due} are drawn from {file.stratum}, but the last ticket is {file.threshold}"
        )
    among = file.threshold is not None and ticket <= file.threshold
    same(f"with the last drawn ticket at {_short(file.threshold)}, drawn is", file.drawn, among)
    if file.selected is None and (file.drawn or due == size):
        raise Differs(f"{file.entity} was drawn, but its line of the selection is missing")
    rank = None
    if file.selected is not None:
        rank = _rank_of(
            file, file.entity, "selected", file.selected, ticket=ticket, execution=execution
        )
        if (rank <= due) is not file.drawn:
            raise Differs(f"{due} were drawn and the rank is {rank}, but drawn is {file.drawn}")
        yield f"rank {rank} is in the selection that the outcome names"
    if rank == due or not due:
        nothing_withheld(file)
    if rank is not None and rank == due:
        same("the last drawn ticket is", file.threshold, file.ticket)
    elif due:
        yield from _threshold_checks(file, announced, seed, execution, due)
    result = "was drawn" if file.drawn else "was not drawn"
    yield (
        f"its ticket is {_short(ticket)}, the last of {due} drawn from {size} in {file.stratum} is "
        f"{_short(file.threshold)}: {file.entity} {result}"
    )


def _threshold_checks(
    file: DrawReceipt, announced: Announcement, seed: Seed, execution: Execution, due: int
) -> Checks:
    """Check that the last drawn ticket belongs to the business at the last drawn rank."""
    if file.last is None:
        yield Unchecked(
            "only this file claims that this is the last drawn ticket: "
            f"{file.withheld or 'no reason is given'}"
        )
        return
    nothing_withheld(file)
    line = _entry_of("last.selected", file.last.selected)
    last = str(line.get("uscc"))
    ticket = _ticket_of(file, last, "last.roster", file.last.roster, announced=announced, seed=seed)
    rank = _rank_of(
        file, last, "last.selected", file.last.selected, ticket=ticket, execution=execution
    )
    same(f"the rank of {last}, named as the last one drawn, is", rank, due)
    same("the last drawn ticket is", file.threshold, ticket)
    yield f"the last drawn ticket is that of {last}, rank {rank} in the selection"


def _entry_of(field: str, place: Place) -> dict[str, str | int]:
    try:
        return msgspec.json.decode(place.line, type=dict[str, str | int])
    except (msgspec.MsgspecError, ValueError) as error:
        raise Differs(
            f"`{field}.line` must be a JSON object of texts and whole numbers: {error}"
        ) from error


def _ticket_of(
    file: DrawReceipt,
    entity: str,
    field: str,
    place: Place,
    *,
    announced: Announcement,
    seed: Seed,
) -> str:
    """Check that a business is on the roster in the receipt's stratum; return its ticket."""
    if not uvdraw.proves(
        announced.roster_root,
        announced.roster_count,
        place.index,
        place.line.encode(),
        place.path,
    ):
        raise Differs(f"the line of {entity} is not proven to be on the announced roster")
    entry = _entry_of(field, place)
    same("the line is of", entry.get("uscc"), entity)
    same("its stratum is", entry.get(announced.by), file.stratum)
    weight = entry.get("weight")
    if not isinstance(weight, int | None):
        raise Differs(f"the weight {weight!r} is not a whole number")
    return uvdraw.ticket(seed.seed, announced.draw, file.stratum, entity, weight)


def _rank_of(
    file: DrawReceipt, entity: str, field: str, place: Place, *, ticket: str, execution: Execution
) -> int:
    """Check that a line is in the selection of the outcome; return its rank."""
    line = _entry_of(field, place)
    for name, value in (("uscc", entity), ("stratum", file.stratum), ("ticket", ticket)):
        same(f"the {name} in the selection is", line.get(name), value)
    rank = line.get("rank")
    if not isinstance(rank, int) or rank < 1:
        raise Differs(f"the rank of {entity} must be a whole number from 1; it is {rank!r}")
    if not uvdraw.proves(
        execution.selection_root,
        execution.selection_count,
        place.index,
        place.line.encode(),
        place.path,
    ):
        raise Differs(f"rank {rank} of {entity} is not proven to be in the selection")
    return rank


# --- naming the difference


def _name_difference(index: int, given: dict[str, Any], drawn: dict[str, Any]) -> NoReturn:
    place = f"line {index + 1} of the selection ({drawn['stratum']}, rank {drawn['rank']})"
    for name in sorted(given.keys() | drawn.keys()):
        same(f"{place}: {name} is", given.get(name), drawn.get(name))
    raise Differs(f"{place} is not in canonical form")


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:_SHOWN]}…"
