"""Checks of the events in a draw file or receipt, and of the proofs that they were recorded."""

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

#: Checks yield a sentence for each thing that is right; a ``Yielding`` also returns a value.
Yielding = Generator[str, None, T]
Checks = Iterator[str]


class Differs(ValueError):
    """The file is wrong: two values differ, or a part of it is invalid; the message says which."""


class Unchecked(str):
    """A sentence about something that cannot be checked from the file."""

    __slots__ = ()


class Beyond(str):
    """A sentence about something that no file of this kind could show."""

    __slots__ = ()


class Keys(msgspec.Struct, frozen=True):
    """The keys whose signatures count.

    ``known`` says that the reader gave the keys of the log; otherwise they come from the file.
    """

    log: list[Verifier]
    witnesses: list[Verifier]
    known: bool


# --- the parts of events that are read


#: All readers of JSON agree on whole numbers below this limit.
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
    """A unit of a draw of several units, with the hash of its officer roster."""

    unit: str
    officer_roster_hash: str


class Announcement(msgspec.Struct):
    """The body of ``DrawAnnounced``, as far as it is checked."""

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
        """The parts of all units except the initiating one."""
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
    """The body of ``DrawSeedRevealed``, as far as it is checked."""

    draw: str
    values: tuple[_Value, ...]
    seed: str


class _Count(msgspec.Struct):
    key: str
    size: int
    quota: int


class Execution(msgspec.Struct):
    """The body of ``DrawExecuted``, as far as it is checked."""

    draw: str
    roster_hash: str
    seed: str
    strata: tuple[_Count, ...]
    selected: int
    selection_hash: str
    selection_root: str
    selection_count: int


# --- the proofs


def logged_checks(
    file: DrawFile | DrawReceipt, keys: Keys
) -> Yielding[tuple[Announcement, Seed | None, Execution | None]]:
    """Check announcement, seed and outcome: their proofs, and that they fit together."""
    announced = _body("announcement", "an announcement", file.announcement.body, Announcement)
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
            f"only this file claims that the log signs with {named}: compare it with the key that "
            "you know, or give that key"
        )
    excluded = [f"{count} of {key}" for key, count in sorted(announced.excluded.items()) if count]
    if excluded:
        yield Beyond(
            "no file can show who is not on the roster because a cap is used up: the announcement "
            f"counts {', '.join(excluded)}"
        )
    yield from _in_time(event, announced, at, keys)
    seed = execution = None
    if file.seed is not None:
        if file.seed.position <= event.position:
            raise Differs("the seed is before the announcement in the log")
        seed = _body("seed", "a seed", file.seed.body, Seed)
        yield from _seed_checks(announced, seed)
    if file.execution is not None:
        execution = _body("execution", "an outcome", file.execution.body, Execution)
        at = yield from _event_checks(
            "the outcome", "execution", "draws.draw-executed", file.execution, keys
        )
        if event.receipt is not None and file.execution.receipt is not None:
            last, first = _checkpoint_of(file.execution.receipt), _checkpoint_of(event.receipt)
            same("the log of the outcome is", last.origin, first.origin)
        yield from _execution_checks(file, announced, seed, execution, at)
    yield from _stage_checks(file, seed, execution)
    return announced, seed, execution


def _stage_checks(
    file: DrawFile | DrawReceipt, seed: Seed | None, execution: Execution | None
) -> Checks:
    """Check that the file has the parts of its stage; a file cannot prove that it was voided."""
    if file.stage == "voided":
        yield Unchecked("only this file claims that the draw was voided")
        return
    due = "announced" if seed is None else "seed_revealed" if execution is None else "executed"
    same("the stage is", file.stage, due)
    yield Beyond("no file can show whether the draw was voided later: ask the ledger")


def nothing_withheld(file: DrawFile | DrawReceipt) -> None:
    """Raise ``Differs`` if the file claims that something is withheld."""
    if file.withheld is not None:
        raise Differs(
            f"the file says that something is withheld ({file.withheld}), but nothing is missing"
        )


def _body(field: str, whose: str, body: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise Differs(f"`{field}.body` is not the body of {whose}: {error}") from error


def _event_checks(
    name: str, field: str, topic: str, event: Logged, keys: Keys
) -> Yielding[datetime | None]:
    """Check that an event was recorded and logged as in the file; return when, if proven."""
    if event.record is None or event.receipt is None:
        yield Unchecked(f"nothing proves that {name} is in the log")
        return None
    try:
        record = b64decode(event.record, validate=True)
    except ValueError:
        raise Differs(f"`{field}.record` is not valid base64") from None
    try:
        receipt = parse_receipt(event.receipt.encode())
        parse_note(receipt.checkpoint)
    except ValueError as error:
        raise Differs(f"`{field}.receipt`: {error}") from error
    same(f"the position of {name} is", receipt.index + 1, event.position)
    try:
        signers = receipt.verify(record, keys.log)
    except ValueError as error:
        raise Differs(f"{name} is not proven to be in the log: {error}") from error
    try:
        fields = msgspec.msgpack.decode(record, type=dict[str, Any])
        recorded_at = msgspec.convert(fields.get("recorded_at"), Moment)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Differs(f"`{field}.record` is not the record of an event: {error}") from error
    same(f"the type of the record of {name} is", fields.get("type"), topic)
    same(f"the body of the record of {name} is", fields.get("body"), event.body)
    if event.signed_at is not None and event.signed_at < recorded_at:
        raise Differs(
            f"the checkpoint was signed at {_moment(event.signed_at)}, before {name} was recorded "
            f"at {_moment(recorded_at)}"
        )
    checkpoint = _checkpoint_of(event.receipt)
    names = ", ".join(key.vkey() for key in signers)
    yield (
        f"{name} is event {event.position} of the log {checkpoint.origin}, under its checkpoint of "
        f"{checkpoint.size} signed by {names}"
    )
    return recorded_at


def _checkpoint_of(receipt: str) -> Checkpoint:
    return parse_checkpoint(parse_note(parse_receipt(receipt.encode()).checkpoint).text)


def _in_time(
    event: Logged, announced: Announcement, recorded_at: datetime | None, keys: Keys
) -> Checks:
    """Check that the announcement was logged before any part of the seed was published."""
    if recorded_at is None or event.receipt is None:
        return
    first = min(announced.sources, key=lambda source: source.publication_at)
    out = f"{first.name} was published at {_moment(first.publication_at)}"
    if event.signed_at is None:
        raise Differs("the file does not say when the announcement was covered by a checkpoint")
    signed = _moment(event.signed_at)
    if event.signed_at >= first.publication_at:
        raise Differs(f"the announcement was covered by that checkpoint only at {signed}; {out}")
    yield f"the announcement was recorded at {_moment(recorded_at)}, before {out}"
    if not keys.witnesses:
        yield Unchecked(
            "only this file claims that the announcement was covered by that checkpoint at "
            f"{signed}: only the signature of a witness whose key you know can prove the time"
        )
    for witness in keys.witnesses:
        moment = _seen_by(witness, event.receipt)
        if moment >= first.publication_at:
            raise Differs(f"the witness {witness.name} signed only at {_moment(moment)}; {out}")
        yield f"the witness {witness.name} saw that checkpoint at {_moment(moment)}, before {out}"


def _seen_by(witness: Verifier, receipt: str) -> datetime:
    """Return when a witness first signed the checkpoint of a receipt."""
    note = parse_note(parse_receipt(receipt.encode()).checkpoint)
    try:
        seconds = min(cosigned_at(signature) for signature in cosigned(note, [witness]))
    except ValueError as error:
        raise Differs(
            f"the checkpoint of the announcement is not cosigned by {witness.name}: {error}"
        ) from error
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Differs(f"{witness.name} cosigned at {seconds} s, an invalid time") from None


def _seed_checks(announced: Announcement, seed: Seed) -> Checks:
    public = [s.publication_at for s in announced.sources if s.kind != "commitment"]
    same("the seed is of", seed.draw, announced.draw)
    same(
        "the values come from",
        [value.source for value in seed.values],
        [source.name for source in announced.sources],
    )
    for source, given in zip(announced.sources, seed.values, strict=True):
        if not given.revealed:
            same(f"the value of {source.name} is", given.value, source.fallback)
        elif source.kind == "commitment":
            digest = sha256(given.value.encode()).hexdigest()
            same(f"the SHA-256 of what {source.name} revealed is", digest, source.commitment)
            if source.publication_at > min(public, default=source.publication_at):
                raise Differs(f"{source.name} could choose after a public value was known")
    same("the seed is", seed.seed, uvdraw.seed_of([value.value for value in seed.values]))
    yield f"the seed is made of the announced sources: {seed.seed}"
    for source, given in zip(announced.sources, seed.values, strict=True):
        if given.revealed and source.kind != "commitment":
            yield Beyond(
                f"no file can show that {given.value} was published: compare it with "
                f"{source.name} of {_moment(source.publication_at)}"
            )


def _execution_checks(
    file: DrawFile | DrawReceipt,
    announced: Announcement,
    seed: Seed | None,
    execution: Execution,
    recorded_at: datetime | None,
) -> Checks:
    """Check that the outcome fits the announcement and the seed, and check its numbers."""
    if seed is None or file.execution is None:
        raise Differs("the file has an outcome but no seed")
    assert file.seed is not None
    if file.execution.position <= file.seed.position:
        raise Differs("the outcome is before the seed in the log")
    last = max(announced.sources, key=lambda source: source.publication_at)
    if recorded_at is not None and recorded_at < last.publication_at:
        raise Differs(
            f"the draw was carried out at {_moment(recorded_at)}, before {last.name} was published "
            f"at {_moment(last.publication_at)}"
        )
    same("the outcome is of", execution.draw, announced.draw)
    same("the roster of the outcome is", execution.roster_hash, announced.roster_hash)
    same("the seed of the outcome is", execution.seed, seed.seed)
    due = [
        _Count(s.key, announced.roster_strata.get(s.key, 0), announced.quota(s.key))
        for s in announced.strata
    ]
    same("the strata (drawn/all) are", _told(execution.strata), _told(due))
    same("the number of drawn businesses is", execution.selected, sum(c.quota for c in due))
    lines = sum(min(c.size, c.quota + announced.reserves) for c in due)
    same("the number with reserves is", execution.selection_count, lines)
    yield f"as many were drawn as announced: {_told(due)}"


# --- naming the difference


def same(subject: str, given: T, due: T) -> None:
    """Raise ``Differs`` unless two values are equal; ``subject`` is a phrase such as “x is”."""
    if given != due:
        raise Differs(f"{subject} {given}; it must be {due}")


def _told(strata: Iterable[_Count]) -> str:
    return ", ".join(f"{s.key} {s.quota}/{s.size}" for s in strata)


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
