"""A draw as a file, and a business's receipt of one: checked without a ledger or a network.

A *draw file* holds whatever decided a draw: the announcement, the values of its sources, the roster
and the outcome, and of the announcement and the outcome the stored record with the proof that it is
in the log. ``verify`` makes the draw again from the file alone and names the first thing that
differs. A *draw receipt* holds one business's part: its line of the roster with the proof that it
stood there, its ticket, and the last ticket that was drawn from its stratum. ``check_receipt`` says
whether the business was drawn as it should have been, and shows nobody else.

What has to be believed, and what not: the file says with which keys the log signs, so whoever does
not know them from elsewhere compares them. That a checkpoint was signed at a moment is the log's
own word; a witness's is its signature, which is checked where its key is given. A receipt without a
line of the selection (not drawn, and no reserve) takes the last drawn ticket from the service; the
draw file proves it.

Only ``uvdraw`` and the checking of proofs are needed here, and nothing that knows a ledger.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec

from ledger.draws import uvdraw
from ledger.transparency.checkpoints import cosigned, cosigned_at, parse_checkpoint
from ledger.transparency.notes import Verifier, parse_note, parse_vkey
from ledger.transparency.proofs import parse_receipt

T = TypeVar("T")
S = TypeVar("S", "DrawFile", "DrawReceipt")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]

#: The entries of a roster, or the lines of a selection.
Lines = list[dict[str, str | int]]

#: What a check finds to hold, sentence by sentence, and what it leads to.
_Yielding = Generator[str, None, T]
Checks = Iterator[str]

#: How many hex digits of a ticket or hash are shown in a message.
_SHOWN = 16


class Differs(ValueError):
    """Two things that should be one are not; the message names both."""


# --- what stands in the files


class Logged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of a draw: what it says, and what proves it.

    ``record``: the bytes as recorded, in base64. ``receipt``: their proof (c2sp.org/tlog-proof)
    under the first checkpoint that covered them, and ``signed_at`` when that was signed.
    """

    position: int
    body: dict[str, Any]
    record: str | None = None
    receipt: str | None = None
    signed_at: Moment | None = None


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Who was drawn to visit one business; ``skipped`` names those before them, with the reason."""

    entity: str
    officers: tuple[str, ...]
    skipped: tuple[dict[str, str], ...]


class DrawFile(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="format",
    tag="uvdraw-file/1",
):
    """A draw, as far as its reader may know it. ``withheld`` says why something is not here.

    ``keys``: of the log, as ``<name>+<key id>+<key>``.
    """

    draw: str
    stage: str
    announcement: Logged
    keys: tuple[str, ...] = ()
    seed: Logged | None = None
    execution: Logged | None = None
    withheld: str | None = None
    roster: Lines | None = None
    selection: Lines | None = None
    officers: tuple[str, ...] | None = None
    assignments: tuple[Assignment, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list that is known by its root: the line, its index, its audit path."""

    line: str
    index: int
    path: tuple[str, ...]


class DrawReceipt(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="format",
    tag="uvdraw-receipt/1",
):
    """One business's part in a draw.

    ``threshold``: the last ticket drawn from its stratum, ``None`` if none was. ``selected``: its
    line of the selection, if it was drawn or stood among the reserves.
    """

    draw: str
    stage: str
    entity: str
    announcement: Logged
    seed: Logged
    execution: Logged
    roster: Place
    stratum: str
    ticket: Digest
    threshold: Digest | None
    drawn: bool
    selected: Place | None = None
    keys: tuple[str, ...] = ()


class Report(msgspec.Struct):
    """What was checked and holds, what could not be checked, and the first thing that differs."""

    held: list[str] = []
    unchecked: list[str] = []
    differs: str | None = None

    @property
    def complete(self) -> bool:
        """Whether everything was checked and holds."""
        return self.differs is None and not self.unchecked


# --- what is read of the events


class _Ratio(msgspec.Struct):
    key: str
    ratio: str


class _Source(msgspec.Struct):
    name: str
    kind: str
    publication_at: Moment
    commitment: str | None = None
    fallback: str | None = None


class _Announcement(msgspec.Struct):
    draw: str
    by: str
    strata: tuple[_Ratio, ...]
    sources: tuple[_Source, ...]
    roster_hash: str
    roster_root: str
    roster_count: int
    roster_strata: dict[str, int]
    officer_roster_hash: str
    reserves: int = 0
    algorithm: str = uvdraw.ALGORITHM

    @property
    def ratios(self) -> dict[str, str]:
        return {stratum.key: stratum.ratio for stratum in self.strata}

    def quota(self, stratum: str) -> int:
        return uvdraw.quota(self.roster_strata.get(stratum, 0), self.ratios[stratum])


class _Value(msgspec.Struct):
    source: str
    value: str
    revealed: bool = True


class _Seed(msgspec.Struct):
    draw: str
    values: tuple[_Value, ...]
    seed: str


class _Count(msgspec.Struct):
    key: str
    size: int
    quota: int


class _Execution(msgspec.Struct):
    draw: str
    roster_hash: str
    seed: str
    strata: tuple[_Count, ...]
    selected: int
    selection_hash: str
    selection_root: str
    selection_count: int


class _Keys(msgspec.Struct, frozen=True):
    """Whose signatures count: those named by the reader, or of the log those in the file."""

    log: list[Verifier]
    witnesses: list[Verifier]


# --- checking


class _Unchecked(str):
    """Something that the file does not let one check."""

    __slots__ = ()


def verify(content: bytes, *, keys: Iterable[str] = (), witnesses: Iterable[str] = ()) -> Report:
    """Make the draw of a draw file again and hold it against what the file says.

    ``keys``: the log's, if known from elsewhere; the file's own otherwise. ``witnesses``: keys of
    which one has to have cosigned the announcement before the first value was out.
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
    checks: Callable[[S, _Keys], Checks],
) -> Report:
    report = Report()
    try:
        file = msgspec.json.decode(content, type=kind)
        named: Iterable[str] = list(keys) or file.keys
        known = _Keys([parse_vkey(key) for key in named], [parse_vkey(key) for key in witnesses])
        for one in checks(file, known):
            (report.unchecked if isinstance(one, _Unchecked) else report.held).append(one)
    except (ValueError, msgspec.MsgspecError) as error:
        report.differs = str(error)
    return report


def _draw_checks(file: DrawFile, keys: _Keys) -> Checks:
    announced, seed, execution = yield from _logged_checks(file, keys)
    if seed is None:
        yield _Unchecked(f"the draw is {file.stage}: it has no seed yet")
    roster: bytes | None = None
    if file.roster is None:
        yield _Unchecked(f"the roster is not in the file: {file.withheld or 'no reason is given'}")
    else:
        roster = yield from _roster_checks(file.roster, announced)
    if seed is not None and execution is None:
        yield _Unchecked(f"the draw is {file.stage}: it was not made")
    if seed is not None and execution is not None:
        if roster is not None:
            yield from _selection_checks(file, announced, seed, execution, roster)
        yield from _officer_checks(file, announced, seed)


def _logged_checks(
    file: DrawFile | DrawReceipt, keys: _Keys
) -> _Yielding[tuple[_Announcement, _Seed | None, _Execution | None]]:
    """The announcement, the seed and the outcome: what proves them, and that they fit together."""
    announced = msgspec.convert(file.announcement.body, _Announcement)
    _same("the announcement is of", announced.draw, file.draw)
    _same("the algorithm is", announced.algorithm, uvdraw.ALGORITHM)
    _same("the strata add up to", sum(announced.roster_strata.values()), announced.roster_count)
    event = file.announcement
    at = yield from _event_checks("the announcement", "draws.draw-announced", event, keys)
    yield from _in_time(event, announced, at, keys)
    seed = execution = None
    if file.seed is not None:
        seed = msgspec.convert(file.seed.body, _Seed)
        yield from _seed_checks(announced, seed)
    if file.execution is not None:
        execution = msgspec.convert(file.execution.body, _Execution)
        at = yield from _event_checks("the outcome", "draws.draw-executed", file.execution, keys)
        yield from _execution_checks(file, announced, seed, execution, at)
    return announced, seed, execution


def _event_checks(what: str, topic: str, event: Logged, keys: _Keys) -> _Yielding[datetime | None]:
    """That an event is recorded and logged as the file has it; when it was recorded."""
    if event.record is None or event.receipt is None:
        yield _Unchecked(f"nothing proves that {what} stands in the log")
        return None
    record = b64decode(event.record, validate=True)
    receipt = parse_receipt(event.receipt.encode())
    _same(f"the position of {what} is", receipt.index + 1, event.position)
    try:
        receipt.verify(record, keys.log)
    except ValueError as error:
        raise Differs(f"{what} is not proven to stand in the log: {error}") from error
    fields = msgspec.msgpack.decode(record, type=dict[str, Any])
    _same(f"the record of {what} is a", fields.get("type"), topic)
    _same(f"the record of {what} says", fields.get("body"), event.body)
    checkpoint = parse_checkpoint(parse_note(receipt.checkpoint).text)
    names = ", ".join(key.vkey() for key in keys.log)
    yield (
        f"{what} is event {event.position} of the log {checkpoint.origin}, under its checkpoint of "
        f"{checkpoint.size} signed by {names}"
    )
    return msgspec.convert(fields.get("recorded_at"), Moment)


def _in_time(
    event: Logged, announced: _Announcement, recorded_at: datetime | None, keys: _Keys
) -> Checks:
    """That everything was fixed, for others to see, before any part of the seed could be known."""
    if recorded_at is None or event.receipt is None:
        return
    first = min(announced.sources, key=lambda source: source.publication_at)
    if event.signed_at is None:
        raise Differs("the file does not say when the announcement was covered by a checkpoint")
    if event.signed_at < recorded_at:
        raise Differs(
            f"the checkpoint was signed at {_moment(event.signed_at)}, before the announcement was "
            f"recorded at {_moment(recorded_at)}"
        )
    out = f"{first.name} was out at {_moment(first.publication_at)}"
    covered = f"was covered by that checkpoint at {_moment(event.signed_at)}"
    if event.signed_at >= first.publication_at:
        raise Differs(f"the announcement {covered} only; {out}")
    yield f"it was recorded at {_moment(recorded_at)} and {covered}, as the log says, before {out}"
    if not keys.witnesses:
        return
    note = parse_note(parse_receipt(event.receipt.encode()).checkpoint)
    seen = min(cosigned(note, keys.witnesses), key=cosigned_at)
    moment = datetime.fromtimestamp(cosigned_at(seen), UTC)
    if moment >= first.publication_at:
        raise Differs(f"the witness {seen.name} signed at {_moment(moment)} only; {out}")
    yield f"the witness {seen.name} saw that checkpoint at {_moment(moment)}"


def _seed_checks(announced: _Announcement, seed: _Seed) -> Checks:
    public = [one.publication_at for one in announced.sources if one.kind != "commitment"]
    _same("the seed is of", seed.draw, announced.draw)
    _same(
        "the values come from",
        [one.source for one in seed.values],
        [one.name for one in announced.sources],
    )
    for source, given in zip(announced.sources, seed.values, strict=True):
        if not given.revealed:
            _same(f"for {source.name} stands", given.value, source.fallback)
        elif source.kind == "commitment":
            found = sha256(given.value.encode()).hexdigest()
            _same(f"the SHA-256 of what {source.name} revealed is", found, source.commitment)
            if source.publication_at > min(public, default=source.publication_at):
                raise Differs(f"{source.name} could wait for a public value, and then choose")
    _same("the seed is", seed.seed, uvdraw.seed_of([one.value for one in seed.values]))
    yield f"the seed is made of the announced sources: {seed.seed}"


def _execution_checks(
    file: DrawFile | DrawReceipt,
    announced: _Announcement,
    seed: _Seed | None,
    execution: _Execution,
    recorded_at: datetime | None,
) -> Checks:
    """That the outcome belongs to the announcement and seed, and that its numbers are due."""
    if seed is None or file.execution is None:
        raise Differs("the file has an outcome and no seed")
    if file.execution.position <= file.announcement.position:
        raise Differs("the outcome stands in the log before the announcement")
    last = max(announced.sources, key=lambda source: source.publication_at)
    if recorded_at is not None and recorded_at < last.publication_at:
        raise Differs(
            f"the draw was made at {_moment(recorded_at)}; {last.name} was out at "
            f"{_moment(last.publication_at)} only"
        )
    _same("the outcome is of", execution.draw, announced.draw)
    _same("it was drawn from the roster", execution.roster_hash, announced.roster_hash)
    _same("it was drawn with the seed", execution.seed, seed.seed)
    due = [
        _Count(one.key, announced.roster_strata.get(one.key, 0), announced.quota(one.key))
        for one in announced.strata
    ]
    _same("the strata (drawn/all) are", _told(execution.strata), _told(due))
    _same("the number of those drawn is", execution.selected, sum(one.quota for one in due))
    lines = sum(min(one.size, one.quota + announced.reserves) for one in due)
    _same("with the reserves there are", execution.selection_count, lines)
    yield f"as many were drawn as announced: {_told(due)}"


def _roster_checks(entries: Lines, announced: _Announcement) -> _Yielding[bytes]:
    """The roster in canonical form, which is the announced one."""
    lines = uvdraw.roster_lines(entries)
    roster = uvdraw.roster_bytes(lines)
    _same("the hash of the roster is", uvdraw.roster_hash(roster), announced.roster_hash)
    _same("the root of the roster is", uvdraw.roster_root(lines), announced.roster_root)
    _same("the roster has", len(lines), announced.roster_count)
    sizes: dict[str, int] = {}
    for entry in entries:
        key = str(entry.get(announced.by))
        sizes[key] = sizes.get(key, 0) + 1
        weight = entry.get("weight", 1)
        if not isinstance(weight, int):
            raise Differs(f"{entry['uscc']} has the weight {weight!r}, which is no number")
    _same("the strata of the roster are", sizes, announced.roster_strata)
    yield f"the roster of {len(lines)} is the announced one: {announced.roster_hash}"
    return roster


def _selection_checks(
    file: DrawFile,
    announced: _Announcement,
    seed: _Seed,
    execution: _Execution,
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
        yield _Unchecked("the selection is not in the file; its hash and root are checked")
    else:
        for index, (was, now) in enumerate(zip(file.selection, lines, strict=False)):
            if uvdraw.line(was) != now:
                _name_difference(index, was, msgspec.json.decode(now))
        _same("the lines of the selection are", len(file.selection), len(lines))
    made = uvdraw.roster_hash(uvdraw.roster_bytes(lines))
    _same("the hash of the selection is", execution.selection_hash, made)
    _same("the root of the selection is", execution.selection_root, uvdraw.roster_root(lines))
    yield (
        f"made again, the draw gives the same {execution.selected} businesses and "
        f"{len(lines) - execution.selected} reserves: {made}"
    )


def _officer_checks(file: DrawFile, announced: _Announcement, seed: _Seed) -> Checks:
    if file.officers is None:
        return  # they are among the authorities, and nobody's name is owed to the public
    canonical = msgspec.json.encode(sorted(file.officers))
    found = uvdraw.roster_hash(canonical)
    _same("the hash of the officer roster is", found, announced.officer_roster_hash)
    for one in file.assignments:
        order = uvdraw.officer_order(seed.seed, announced.draw, one.entity, file.officers)
        passed = [skipped.get("officer") for skipped in one.skipped]
        asked = order[: len(one.officers) + len(passed)]
        due = [officer for officer in asked if officer not in passed]
        _same(f"the officers of {one.entity} are", list(one.officers), due)
        before = [officer for officer in asked if officer in passed]
        _same(f"passed over for {one.entity} were", passed, before)
    yield f"the officers of {len(file.assignments)} visits were asked in the drawn order"


def _receipt_checks(file: DrawReceipt, keys: _Keys) -> Checks:
    announced, seed, execution = yield from _logged_checks(file, keys)
    assert seed is not None
    assert execution is not None
    place = file.roster
    if not uvdraw.proves(
        announced.roster_root,
        announced.roster_count,
        place.index,
        place.line.encode(),
        place.path,
    ):
        raise Differs(f"the line of {file.entity} is not proven to stand on the announced roster")
    entry = msgspec.json.decode(place.line, type=dict[str, str | int])
    _same("the line is of", entry.get("uscc"), file.entity)
    _same("its stratum is", entry.get(announced.by), file.stratum)
    if file.stratum not in announced.ratios:
        raise Differs(f"{file.stratum} is no stratum of the draw")
    yield f"{file.entity} stood on the announced roster, in stratum {file.stratum}"
    weight = entry.get("weight")
    if not isinstance(weight, int | None):
        raise Differs(f"the weight {weight!r} is no number")
    ticket = uvdraw.ticket(seed.seed, announced.draw, file.stratum, file.entity, weight)
    _same("its ticket is", file.ticket, ticket)
    due, size = announced.quota(file.stratum), announced.roster_strata.get(file.stratum, 0)
    if (file.threshold is None) is not (due == 0):
        raise Differs(f"{due} are drawn from {file.stratum}; the last ticket is {file.threshold}")
    among = file.threshold is not None and ticket <= file.threshold
    _same(f"with the last drawn ticket at {_short(file.threshold)}, drawn is", file.drawn, among)
    if file.selected is None and (file.drawn or due == size):
        raise Differs(f"{file.entity} was drawn, and its line of the selection is missing")
    if file.selected is not None:
        yield from _selected_checks(file, file.selected, execution, due)
    said = "was drawn" if file.drawn else "was not drawn"
    yield (
        f"its ticket is {_short(ticket)}, the last of {due} drawn from {size} in {file.stratum} "
        f"{_short(file.threshold)}: {file.entity} {said}"
    )


def _selected_checks(file: DrawReceipt, place: Place, execution: _Execution, due: int) -> Checks:
    line = msgspec.json.decode(place.line, type=dict[str, str | int])
    for name, value in (("uscc", file.entity), ("stratum", file.stratum), ("ticket", file.ticket)):
        _same(f"the {name} in the selection is", line.get(name), value)
    rank = line.get("rank")
    if not isinstance(rank, int) or (1 <= rank <= due) is not file.drawn:
        raise Differs(f"{due} were drawn, and the rank is {rank}; drawn is {file.drawn}")
    if rank == due:
        _same("the last drawn ticket is", file.threshold, file.ticket)
    if not uvdraw.proves(
        execution.selection_root,
        execution.selection_count,
        place.index,
        place.line.encode(),
        place.path,
    ):
        raise Differs(f"rank {rank} of {file.entity} is not proven to be the outcome's")
    yield f"rank {rank} stands in the selection that the outcome names"


# --- saying what differs


def _same(what: str, found: T, due: T) -> None:
    if found != due:
        raise Differs(f"{what} {found}; it should be {due}")


def _name_difference(index: int, was: dict[str, Any], now: dict[str, Any]) -> NoReturn:
    place = f"line {index + 1} of the selection ({now['stratum']}, rank {now['rank']})"
    for name in sorted(was.keys() | now.keys()):
        _same(f"{place}: {name} is", was.get(name), now.get(name))
    raise Differs(f"{place} is not in canonical form")


def _told(strata: Iterable[_Count]) -> str:
    return ", ".join(f"{one.key} {one.quota}/{one.size}" for one in strata)


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:_SHOWN]}…"


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
