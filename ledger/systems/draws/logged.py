"""What the events of a draw say in its file, and what proves that they were recorded so."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import msgspec

from ledger.systems.draws import uvdraw
from ledger.systems.draws.drawfile import DrawFile, DrawReceipt, Logged, Moment
from ledger.transparency.checkpoints import Checkpoint, cosigned, cosigned_at, parse_checkpoint
from ledger.transparency.notes import Verifier, parse_note
from ledger.transparency.proofs import parse_receipt

T = TypeVar("T")

#: What a check finds to hold, sentence by sentence, and what it leads to.
Yielding = Generator[str, None, T]
Checks = Iterator[str]


class Differs(ValueError):
    """Two things that should be one are not; the message names both."""


class Unchecked(str):
    """Something that the file does not let one check."""

    __slots__ = ()


class Beyond(str):
    """Something that is not claimed, and that its reader might take for granted."""

    __slots__ = ()


class Keys(msgspec.Struct, frozen=True):
    """Whose signatures count: those named by the reader, or of the log those in the file.

    ``known``: the reader has named the log's.
    """

    log: list[Verifier]
    witnesses: list[Verifier]
    known: bool


# --- what is read of the events


#: Below what every reader of JSON takes for the same number.
_Size = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class _Ratio(msgspec.Struct):
    key: str
    ratio: str


class _Source(msgspec.Struct):
    name: str
    kind: str
    publication_at: Moment
    commitment: str | None = None
    fallback: str | None = None


class Part(msgspec.Struct):
    """One unit of a draw of several, with the digest of its officer roster."""

    unit: str
    officer_roster_hash: str


class Announcement(msgspec.Struct):
    draw: str
    by: str
    strata: tuple[_Ratio, ...]
    sources: Annotated[tuple[_Source, ...], msgspec.Meta(min_length=1)]
    roster_hash: str
    roster_root: str
    roster_count: _Size
    roster_strata: dict[str, _Size]
    officer_roster_hash: str
    reserves: _Size = 0
    algorithm: str = uvdraw.ALGORITHM
    excluded: dict[str, _Size] = {}
    unit: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def further(self) -> list[Part]:
        """The parts of the units that the initiator draws with."""
        return [part for part in self.parts if part.unit != self.unit]

    @property
    def ratios(self) -> dict[str, str]:
        return {stratum.key: stratum.ratio for stratum in self.strata}

    def quota(self, stratum: str) -> int:
        return uvdraw.quota(self.roster_strata.get(stratum, 0), self.ratios[stratum])


class _Value(msgspec.Struct):
    source: str
    value: str
    revealed: bool = True


class Seed(msgspec.Struct):
    draw: str
    values: tuple[_Value, ...]
    seed: str


class _Count(msgspec.Struct):
    key: str
    size: int
    quota: int


class Execution(msgspec.Struct):
    draw: str
    roster_hash: str
    seed: str
    strata: tuple[_Count, ...]
    selected: int
    selection_hash: str
    selection_root: str
    selection_count: int


# --- what proves it


def logged_checks(
    file: DrawFile | DrawReceipt, keys: Keys
) -> Yielding[tuple[Announcement, Seed | None, Execution | None]]:
    """The announcement, the seed and the outcome: what proves them, and that they fit together."""
    announced = _said("announcement", "an announcement", file.announcement.body, Announcement)
    same("the announcement is of", announced.draw, file.draw)
    same("the algorithm is", announced.algorithm, uvdraw.ALGORITHM)
    same("the strata add up to", sum(announced.roster_strata.values()), announced.roster_count)
    event = file.announcement
    at = yield from _event_checks(
        "the announcement", "announcement", "draws.draw-announced", event, keys
    )
    if at is not None and not keys.known:
        named = ", ".join(key.vkey() for key in keys.log)
        yield Unchecked(
            f"that the log signs with {named} is only this file's word: compare it with the key "
            "that you know, or give that one"
        )
    out = [f"{count} of {key}" for key, count in sorted(announced.excluded.items()) if count]
    if out:
        yield Beyond(
            "who is not on the roster because a cap is used up no file can show: the announcement "
            f"counts {', '.join(out)}"
        )
    yield from _in_time(event, announced, at, keys)
    seed = execution = None
    if file.seed is not None:
        if file.seed.position <= event.position:
            raise Differs("the seed stands in the log before the announcement")
        seed = _said("seed", "a seed", file.seed.body, Seed)
        yield from _seed_checks(announced, seed)
    if file.execution is not None:
        execution = _said("execution", "an outcome", file.execution.body, Execution)
        at = yield from _event_checks(
            "the outcome", "execution", "draws.draw-executed", file.execution, keys
        )
        if event.receipt is not None and file.execution.receipt is not None:
            where, due = _checkpoint_of(file.execution.receipt), _checkpoint_of(event.receipt)
            same("the outcome stands in the log", where.origin, due.origin)
        yield from _execution_checks(file, announced, seed, execution, at)
    yield from _stage_checks(file, seed, execution)
    return announced, seed, execution


def _stage_checks(
    file: DrawFile | DrawReceipt, seed: Seed | None, execution: Execution | None
) -> Checks:
    """That a draw has come as far as the file says; voiding leaves nothing that stands in it."""
    if file.stage == "voided":
        yield Unchecked("that the draw was voided is only this file's word")
        return
    due = "announced" if seed is None else "seed_revealed" if execution is None else "executed"
    same("by what is in the file the stage is", file.stage, due)
    yield Beyond("whether the draw was voided since no file can show: ask the ledger")


def nothing_withheld(file: DrawFile | DrawReceipt) -> None:
    if file.withheld is not None:
        raise Differs(
            f"the file says that something is withheld ({file.withheld}), and nothing is missing"
        )


def _said(field: str, whose: str, body: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise Differs(f"`{field}.body` is not what {whose} says: {error}") from error


def _event_checks(
    what: str, field: str, topic: str, event: Logged, keys: Keys
) -> Yielding[datetime | None]:
    """That an event is recorded and logged as the file has it; when it was recorded."""
    if event.record is None or event.receipt is None:
        yield Unchecked(f"nothing proves that {what} stands in the log")
        return None
    try:
        record = b64decode(event.record, validate=True)
    except ValueError:
        raise Differs(f"`{field}.record` is no base64, in which a record stands here") from None
    try:
        receipt = parse_receipt(event.receipt.encode())
        parse_note(receipt.checkpoint)
    except ValueError as error:
        raise Differs(f"`{field}.receipt`: {error}") from error
    same(f"the position of {what} is", receipt.index + 1, event.position)
    try:
        signers = receipt.verify(record, keys.log)
    except ValueError as error:
        raise Differs(f"{what} is not proven to stand in the log: {error}") from error
    try:
        fields = msgspec.msgpack.decode(record, type=dict[str, Any])
        recorded_at = msgspec.convert(fields.get("recorded_at"), Moment)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Differs(f"`{field}.record` is no record of an event: {error}") from error
    same(f"the record of {what} is a", fields.get("type"), topic)
    same(f"the record of {what} says", fields.get("body"), event.body)
    if event.signed_at is not None and event.signed_at < recorded_at:
        raise Differs(
            f"the checkpoint was signed at {_moment(event.signed_at)}, before {what} was recorded "
            f"at {_moment(recorded_at)}"
        )
    checkpoint = _checkpoint_of(event.receipt)
    names = ", ".join(key.vkey() for key in signers)
    yield (
        f"{what} is event {event.position} of the log {checkpoint.origin}, under its checkpoint of "
        f"{checkpoint.size} signed by {names}"
    )
    return recorded_at


def _checkpoint_of(receipt: str) -> Checkpoint:
    return parse_checkpoint(parse_note(parse_receipt(receipt.encode()).checkpoint).text)


def _in_time(
    event: Logged, announced: Announcement, recorded_at: datetime | None, keys: Keys
) -> Checks:
    """That everything was fixed, for others to see, before any part of the seed could be known."""
    if recorded_at is None or event.receipt is None:
        return
    first = min(announced.sources, key=lambda source: source.publication_at)
    out = f"{first.name} was out at {_moment(first.publication_at)}"
    if event.signed_at is None:
        raise Differs("the file does not say when the announcement was covered by a checkpoint")
    covered = f"was covered by that checkpoint at {_moment(event.signed_at)}"
    if event.signed_at >= first.publication_at:
        raise Differs(f"the announcement {covered} only; {out}")
    yield f"by its record the announcement was made at {_moment(recorded_at)}, before {out}"
    if not keys.witnesses:
        yield Unchecked(
            f"that the announcement {covered} is only this file's word: no signature says when; "
            "one that does is a witness's, whose key you know"
        )
    for witness in keys.witnesses:
        moment = _seen_by(witness, event.receipt)
        if moment >= first.publication_at:
            raise Differs(f"the witness {witness.name} signed at {_moment(moment)} only; {out}")
        yield f"the witness {witness.name} saw that checkpoint at {_moment(moment)}, before {out}"


def _seen_by(witness: Verifier, receipt: str) -> datetime:
    """When a witness first signed the checkpoint of a receipt."""
    note = parse_note(parse_receipt(receipt.encode()).checkpoint)
    try:
        seconds = min(cosigned_at(one) for one in cosigned(note, [witness]))
    except ValueError as error:
        raise Differs(
            f"the checkpoint of the announcement is not cosigned by {witness.name}: {error}"
        ) from error
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Differs(f"{witness.name} cosigned at {seconds} s, which is no moment") from None


def _seed_checks(announced: Announcement, seed: Seed) -> Checks:
    public = [one.publication_at for one in announced.sources if one.kind != "commitment"]
    same("the seed is of", seed.draw, announced.draw)
    same(
        "the values come from",
        [one.source for one in seed.values],
        [one.name for one in announced.sources],
    )
    for source, given in zip(announced.sources, seed.values, strict=True):
        if not given.revealed:
            same(f"for {source.name} stands", given.value, source.fallback)
        elif source.kind == "commitment":
            found = sha256(given.value.encode()).hexdigest()
            same(f"the SHA-256 of what {source.name} revealed is", found, source.commitment)
            if source.publication_at > min(public, default=source.publication_at):
                raise Differs(f"{source.name} could wait for a public value, and then choose")
    same("the seed is", seed.seed, uvdraw.seed_of([one.value for one in seed.values]))
    yield f"the seed is made of the announced sources: {seed.seed}"
    for source, given in zip(announced.sources, seed.values, strict=True):
        if given.revealed and source.kind != "commitment":
            yield Beyond(
                f"that {given.value} is what was published no file can show: compare it with "
                f"{source.name} of {_moment(source.publication_at)}"
            )


def _execution_checks(
    file: DrawFile | DrawReceipt,
    announced: Announcement,
    seed: Seed | None,
    execution: Execution,
    recorded_at: datetime | None,
) -> Checks:
    """That the outcome belongs to the announcement and seed, and that its numbers are due."""
    if seed is None or file.execution is None:
        raise Differs("the file has an outcome and no seed")
    assert file.seed is not None
    if file.execution.position <= file.seed.position:
        raise Differs("the outcome stands in the log before the seed")
    last = max(announced.sources, key=lambda source: source.publication_at)
    if recorded_at is not None and recorded_at < last.publication_at:
        raise Differs(
            f"the draw was made at {_moment(recorded_at)}; {last.name} was out at "
            f"{_moment(last.publication_at)} only"
        )
    same("the outcome is of", execution.draw, announced.draw)
    same("it was drawn from the roster", execution.roster_hash, announced.roster_hash)
    same("it was drawn with the seed", execution.seed, seed.seed)
    due = [
        _Count(one.key, announced.roster_strata.get(one.key, 0), announced.quota(one.key))
        for one in announced.strata
    ]
    same("the strata (drawn/all) are", _told(execution.strata), _told(due))
    same("the number of those drawn is", execution.selected, sum(one.quota for one in due))
    lines = sum(min(one.size, one.quota + announced.reserves) for one in due)
    same("with the reserves there are", execution.selection_count, lines)
    yield f"as many were drawn as announced: {_told(due)}"


# --- saying what differs


def same(what: str, found: T, due: T) -> None:
    if found != due:
        raise Differs(f"{what} {found}; it should be {due}")


def _told(strata: Iterable[_Count]) -> str:
    return ", ".join(f"{one.key} {one.quota}/{one.size}" for one in strata)


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
