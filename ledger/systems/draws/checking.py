"""Draw files and receipts checked without a ledger or a network.

``verify`` makes the draw again from the file alone and names the first thing that differs.
``check_receipt`` says whether the business of a receipt was drawn.

What has to be believed, and what not: the file says with which keys the log signs, so whoever does
not know them from elsewhere compares them. When a checkpoint was signed no signature of the log
says, so that is the file's own word; a witness signs the moment too, and its signature is checked
where its key is given. A receipt proves what the outcome in the log says of its business; that the
outcome is right, the draw file proves.

Only ``uvdraw`` and the checking of proofs are needed here, and nothing that knows a ledger.
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

#: How many officers visit a business together, by law at least (行政处罚法 第四十二条).
_TOGETHER = 2

#: How many hex digits of a ticket or hash are shown in a message.
_SHOWN = 16


class Report(msgspec.Struct):
    """What was checked and holds, what could not be checked, and the first thing that differs.

    ``beyond``: what the file does not claim and no such file could show.
    """

    held: list[str] = []
    unchecked: list[str] = []
    beyond: list[str] = []
    differs: str | None = None

    @property
    def complete(self) -> bool:
        """Whether everything was checked and holds."""
        return self.differs is None and not self.unchecked


class _Named(msgspec.Struct):
    format: str


class _Line(msgspec.Struct):
    uscc: str
    stratum: str
    rank: int


def verify(content: bytes, *, keys: Iterable[str] = (), witnesses: Iterable[str] = ()) -> Report:
    """Make the draw of a draw file again and hold it against what the file says.

    ``keys``: the log's, if known from elsewhere; the file's own otherwise. ``witnesses``: the keys
    of those who all have to have cosigned the announcement before the first value was out.
    """
    return _reported(content, DrawFile, keys, witnesses, _draw_checks)


def check_receipt(
    content: bytes, *, keys: Iterable[str] = (), witnesses: Iterable[str] = ()
) -> Report:
    """Check what a draw receipt says of its business; keys and witnesses as for ``verify``."""
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
        for one in checks(file, known):
            match one:
                case Unchecked():
                    report.unchecked.append(str(one))
                case Beyond():
                    report.beyond.append(str(one))
                case _:
                    report.held.append(one)
    except RecursionError:
        report.differs = "the file is nested more deeply than any draw file"
    except (ValueError, msgspec.MsgspecError) as error:
        report.differs = str(error)
    return report


def _decoded(content: bytes, kind: type[S]) -> S:
    try:
        msgspec.json.decode(content, type=_Named)  # msgspec takes a file that says no format
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError:
        raise  # it names the field
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Differs(f"the file is no JSON: {error}") from error
    except ValueError:
        raise Differs("a number in the file is longer than any that stands in one") from None


def _key_of(field: str, whose: str, kind: int, vkey: str) -> Verifier:
    try:
        key = parse_vkey(vkey)
    except NoteError as error:
        raise Differs(f"`{field}`: {error}") from error
    if key.kind != kind:
        raise Differs(f"{vkey} is not the key of {whose}, which is of kind {kind}")
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
        yield Unchecked(f"the draw is {file.stage}: it was not made")
    if file.selection is not None and execution is None:
        raise Differs("the file has a selection and no outcome")
    if seed is not None and execution is not None and roster is not None:
        yield from _selection_checks(file, announced, seed, execution, roster)
    elif file.selection is not None and execution is not None:
        _same_selection([uvdraw.line(one) for one in file.selection], execution)
    yield from _officer_checks(file, announced, seed, execution)


def _roster_checks(entries: Lines, announced: Announcement) -> Yielding[bytes]:
    """The roster in canonical form, which is the announced one."""
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
            raise Differs(f"{entry['uscc']} has the weight {weight!r}, which is no number")
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
    """The draw once more: every ticket, rank and probability."""
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
        for index, (was, now) in enumerate(zip(file.selection, lines, strict=False)):
            if uvdraw.line(was) != now:
                _name_difference(index, was, msgspec.json.decode(now))
        same("the lines of the selection are", len(file.selection), len(lines))
    _same_selection(lines, execution)
    yield (
        f"made again, the draw gives the same {execution.selected} businesses and "
        f"{len(lines) - execution.selected} reserves: {execution.selection_hash}"
    )


def _same_selection(lines: list[bytes], execution: Execution) -> None:
    made = uvdraw.roster_hash(uvdraw.roster_bytes(lines))
    same("the hash of the selection is", execution.selection_hash, made)
    same("the root of the selection is", execution.selection_root, uvdraw.roster_root(lines))


def _officer_checks(
    file: DrawFile, announced: Announcement, seed: Seed | None, execution: Execution | None
) -> Checks:
    """That whoever was sent was next in the drawn order, and that all were drawn to whom they go.

    Nothing without the officer roster: nobody's name is owed to the public. No record proves an
    assignment here, as it would name more people than the assignment does.
    """
    if file.officers is None:
        if file.assignments or file.parts:
            raise Differs("the file has assignments and no officers")
        return
    rosters = [_Officers("", file.officers, announced.officer_roster_hash, file.assignments)]
    if file.parts or not announced.further:
        due = [part.unit for part in announced.further]
        same("the further units are", [part.unit for part in file.parts], due)
    else:
        absent = ", ".join(part.unit for part in announced.further)
        yield Unchecked(f"the officers of {absent} are not in the file")
    rosters += [
        _Officers(f" of {part.unit}", part.officers, said.officer_roster_hash, part.assignments)
        for part, said in zip(file.parts, announced.further, strict=False)
    ]
    for roster in rosters:
        canonical = msgspec.json.encode(sorted(roster.officers))
        found = uvdraw.roster_hash(canonical)
        same(f"the hash of the officer roster{roster.whose} is", found, roster.announced)
        yield f"the officer roster{roster.whose} is the announced one: {found}"
    if seed is None or execution is None:
        sent = sum(len(roster.assignments) for roster in rosters)
        same("before the draw was made the assignments are", sent, 0)
        return
    for roster in rosters:
        _order_checks(roster, announced, seed)
    yield from _assigned_checks(file, announced)
    own, *others = rosters
    for roster in others:
        visited = sorted(one.entity for one in roster.assignments)
        # They come together: whoever one unit visits, all visit.
        same(
            f"the businesses visited by the officers{roster.whose} are",
            visited,
            sorted(one.entity for one in own.assignments),
        )
    if file.assignments:
        passed_over = sum(len(one.skipped) for roster in rosters for one in roster.assignments)
        yield f"the officers of {len(file.assignments)} visits were asked in the drawn order"
        yield Unchecked(
            "that these assignments are the recorded ones is only this file's word, and so are "
            f"the reasons for which {passed_over} were passed over"
        )


class _Officers(msgspec.Struct):
    """The officers of one unit; ``whose`` says of which, where it is not the initiator."""

    whose: str
    officers: tuple[str, ...]
    announced: str
    assignments: tuple[Assignment, ...]


def _order_checks(roster: _Officers, announced: Announcement, seed: Seed) -> None:
    """Check each assignment against the drawn order of its unit's officers."""
    for one in roster.assignments:
        if len(one.officers) < _TOGETHER:
            raise Differs(
                f"{one.entity} is visited by {len(one.officers)}{roster.whose}; it should be by "
                f"{_TOGETHER}"
            )
        order = uvdraw.officer_order(seed.seed, announced.draw, one.entity, roster.officers)
        passed = [skipped.get("officer") for skipped in one.skipped]
        asked = order[: len(one.officers) + len(passed)]
        due = [officer for officer in asked if officer not in passed]
        same(f"the officers{roster.whose} of {one.entity} are", list(one.officers), due)
        before = [officer for officer in asked if officer in passed]
        same(f"passed over{roster.whose} for {one.entity} were", passed, before)


def _assigned_checks(file: DrawFile, announced: Announcement) -> Checks:
    """That officers go to each of those drawn, and to nobody else but reserves called up."""
    visited = [one.entity for one in file.assignments]
    if len(set(visited)) < len(visited):
        raise Differs("a business has officers twice")
    if file.selection is None:
        if visited:
            yield Unchecked("whether those visited were drawn: the selection is not in the file")
        return
    lines = msgspec.convert(file.selection, list[_Line])
    for one in sorted(set(visited) - {line.uscc for line in lines}):
        raise Differs(f"{one} has officers, and does not stand in the selection")
    dues = {key: announced.quota(key) for key in announced.ratios}
    drawn = [line.uscc for line in lines if line.rank <= dues.get(line.stratum, 0)]
    left = [one for one in drawn if one not in set(visited)]
    if left:
        yield Unchecked(
            f"to {len(left)} of {len(drawn)} drawn no officers were sent by this file, {left[0]} "
            "first: it may be too early, or they were exempted"
        )


def _receipt_checks(file: DrawReceipt, keys: Keys) -> Checks:
    announced, seed, execution = yield from logged_checks(file, keys)
    assert seed is not None
    assert execution is not None
    if file.stratum not in announced.ratios:
        raise Differs(f"{file.stratum} is no stratum of the draw")
    ticket = _ticket_of(file, file.entity, "roster", file.roster, announced=announced, seed=seed)
    yield f"{file.entity} stood on the announced roster, in stratum {file.stratum}"
    same("its ticket is", file.ticket, ticket)
    due, size = announced.quota(file.stratum), announced.roster_strata.get(file.stratum, 0)
    if (file.threshold is None) is not (due == 0):
        raise Differs(f"{due} are drawn from {file.stratum}; the last ticket is {file.threshold}")
    among = file.threshold is not None and ticket <= file.threshold
    same(f"with the last drawn ticket at {_short(file.threshold)}, drawn is", file.drawn, among)
    if file.selected is None and (file.drawn or due == size):
        raise Differs(f"{file.entity} was drawn, and its line of the selection is missing")
    rank = None
    if file.selected is not None:
        rank = _rank_of(
            file, file.entity, "selected", file.selected, ticket=ticket, execution=execution
        )
        if (rank <= due) is not file.drawn:
            raise Differs(f"{due} were drawn, and the rank is {rank}; drawn is {file.drawn}")
        yield f"rank {rank} stands in the selection that the outcome names"
    if rank == due or not due:
        nothing_withheld(file)
    if rank is not None and rank == due:
        same("the last drawn ticket is", file.threshold, file.ticket)
    elif due:
        yield from _threshold_checks(file, announced, seed, execution, due)
    said = "was drawn" if file.drawn else "was not drawn"
    yield (
        f"its ticket is {_short(ticket)}, the last of {due} drawn from {size} in {file.stratum} "
        f"{_short(file.threshold)}: {file.entity} {said}"
    )


def _threshold_checks(
    file: DrawReceipt, announced: Announcement, seed: Seed, execution: Execution, due: int
) -> Checks:
    """That the last drawn ticket is that of a business of the roster, at the last drawn rank."""
    if file.last is None:
        yield Unchecked(
            "that the last drawn ticket is this one is only this file's word: "
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
    same(f"the rank of {last}, which is named as the last one drawn, is", rank, due)
    same("the last drawn ticket is", file.threshold, ticket)
    yield f"the last drawn ticket is that of {last}, rank {rank} in the selection"


def _entry_of(field: str, place: Place) -> dict[str, str | int]:
    try:
        return msgspec.json.decode(place.line, type=dict[str, str | int])
    except (msgspec.MsgspecError, ValueError) as error:
        raise Differs(
            f"`{field}.line` is not a JSON object of texts and whole numbers: {error}"
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
    """The ticket of a business of the receipt's stratum, whose line has to stand on the roster."""
    if not uvdraw.proves(
        announced.roster_root,
        announced.roster_count,
        place.index,
        place.line.encode(),
        place.path,
    ):
        raise Differs(f"the line of {entity} is not proven to stand on the announced roster")
    entry = _entry_of(field, place)
    same("the line is of", entry.get("uscc"), entity)
    same("its stratum is", entry.get(announced.by), file.stratum)
    weight = entry.get("weight")
    if not isinstance(weight, int | None):
        raise Differs(f"the weight {weight!r} is no number")
    return uvdraw.ticket(seed.seed, announced.draw, file.stratum, entity, weight)


def _rank_of(
    file: DrawReceipt, entity: str, field: str, place: Place, *, ticket: str, execution: Execution
) -> int:
    """The rank of a business by its line, which has to be one of the outcome's."""
    line = _entry_of(field, place)
    for name, value in (("uscc", entity), ("stratum", file.stratum), ("ticket", ticket)):
        same(f"the {name} in the selection is", line.get(name), value)
    rank = line.get("rank")
    if not isinstance(rank, int) or rank < 1:
        raise Differs(f"the rank of {entity} is {rank!r}, which is no number from 1")
    if not uvdraw.proves(
        execution.selection_root,
        execution.selection_count,
        place.index,
        place.line.encode(),
        place.path,
    ):
        raise Differs(f"rank {rank} of {entity} is not proven to be the outcome's")
    return rank


# --- saying what differs


def _name_difference(index: int, was: dict[str, Any], now: dict[str, Any]) -> NoReturn:
    place = f"line {index + 1} of the selection ({now['stratum']}, rank {now['rank']})"
    for name in sorted(was.keys() | now.keys()):
        same(f"{place}: {name} is", was.get(name), now.get(name))
    raise Differs(f"{place} is not in canonical form")


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:_SHOWN]}…"
