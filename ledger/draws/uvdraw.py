"""UVDRAW-1: who is drawn, from public data alone (2.3).

Everything here is a pure function of what is published about a draw: the frozen roster, the draw's
id, its ratios and the seed. There is no clock, no randomness, no float, and no import but the
standard library's: a stranger who has this file has the whole algorithm.

- *Roster*: entries sorted by ``uscc``. An entry's *line* is its canonical JSON: keys sorted,
  separators ``,`` and ``:``, UTF-8, no spaces. The roster's bytes are the lines as one JSON list;
  ``roster_hash`` is their SHA-256, ``roster_root`` the RFC 6962 root over the lines, under which
  each business can be shown its own line without anybody else's.
- *Seed*: the values of the announced sources, in announced order, joined by ``|``.
- *Ticket*: ``SHA-256(seed|draw|stratum|uscc)``. An entry with a weight w holds w tickets, with
  ``|k`` behind, k = 1…w, and its smallest counts.
- *Selection*: per stratum the ``ceil(N × ratio)`` smallest tickets, by rank from 1; the ranks after
  them are the reserves. A ticket depends on its own line alone: a longer list only adds to a
  shorter one, and a disputed entry moves nobody else's ticket.
- *Officers* at a business: ascending ``SHA-256(seed|draw|OFFICER|uscc|officer)``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext
from hashlib import sha256
from typing import NamedTuple

ALGORITHM = "UVDRAW-1"

#: What stands between the parts of a ticket's preimage; no part may contain it.
SEPARATOR = "|"

#: One business on a roster: ``uscc``, the key that its stratum is read from, perhaps ``weight``.
Entry = Mapping[str, str | int]


class Unfit(ValueError):
    """What was given is no roster, no ratio or no seed under UVDRAW-1; the message says why."""


class Picked(NamedTuple):
    """One business of a stratum by the rank of its ticket; ``rank`` counts from 1."""

    uscc: str
    stratum: str
    ticket: str
    rank: int
    inclusion_prob: str


class Stratum(NamedTuple):
    """One stratum of a draw: how many there were, how many were due, who came out."""

    key: str
    size: int
    quota: int
    selected: tuple[Picked, ...]
    reserves: tuple[Picked, ...]


# --- the roster


def line(entry: Entry) -> bytes:
    """The canonical JSON of one entry."""
    return _canonical(entry)


def roster_lines(entries: Iterable[Entry]) -> list[bytes]:
    """The lines of a roster in the order of its ``uscc``, whatever order they came in.

    Raises ``Unfit`` for an entry without ``uscc``, with a ``|`` in it, or that stands there twice.
    """
    by_code: dict[str, bytes] = {}
    for entry in entries:
        code = entry.get("uscc")
        if not isinstance(code, str) or not code or SEPARATOR in code:
            raise Unfit(f"{entry!r} has no uscc, or one that contains {SEPARATOR!r}")
        if code in by_code:
            raise Unfit(f"{code} stands on the roster twice")
        by_code[code] = _canonical(entry)
    return [by_code[code] for code in sorted(by_code)]


def roster_bytes(lines: Iterable[bytes]) -> bytes:
    """The canonical bytes of a roster: its lines as one JSON list."""
    return b"[" + b",".join(lines) + b"]"


def roster_hash(roster: bytes) -> str:
    """``roster_hash`` (hex): the SHA-256 of a roster's canonical bytes."""
    return sha256(roster).hexdigest()


def read_roster(roster: bytes) -> list[dict[str, str | int]]:
    """The entries of canonical roster bytes. Raises ``Unfit`` when they are not canonical."""
    try:
        entries = json.loads(roster)
    except ValueError as error:
        raise Unfit(f"the roster is no JSON: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Unfit("the roster is no list of entries")
    if roster_bytes(roster_lines(entries)) != roster:
        raise Unfit("the roster is not in canonical form: sort it by uscc, and each entry's keys")
    return entries


def _canonical(entry: Entry) -> bytes:
    return json.dumps(
        dict(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


# --- the root over its lines (RFC 6962, section 2.1)


def roster_root(lines: Sequence[bytes]) -> str:
    """The RFC 6962 root (hex) over lines."""
    if not lines:
        return sha256(b"").hexdigest()
    return _levels(lines)[-1][0].hex()


def roster_proof(lines: Sequence[bytes], index: int) -> list[str]:
    """The audit path (hex) that proves line ``index``, from 0, under the root."""
    path = []
    for level in _levels(lines)[:-1]:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside].hex())
        index >>= 1
    return path


def proves(root: str, size: int, index: int, entry: bytes, path: Sequence[str]) -> bool:
    """Whether ``path`` proves that ``entry`` is line ``index`` of the ``size`` under ``root``."""
    if not 0 <= index < size:
        return False
    digest, last, steps = sha256(b"\x00" + entry).digest(), size - 1, iter(path)
    while last:
        if index & 1 or index < last:
            beside = next(steps, None)
            if beside is None:
                return False
            pair = (bytes.fromhex(beside), digest) if index & 1 else (digest, bytes.fromhex(beside))
            digest = sha256(b"\x01" + pair[0] + pair[1]).digest()
        index, last = index >> 1, last >> 1
    return next(steps, None) is None and digest.hex() == root


def _levels(lines: Sequence[bytes]) -> list[list[bytes]]:
    """The tree's hashes from the leaves up; a node without a right neighbour rises as it is."""
    level = [sha256(b"\x00" + entry).digest() for entry in lines]
    levels = [level]
    while len(level) > 1:
        nodes = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) & 1:
            nodes.append(level[-1])
        levels.append(level := nodes)
    return levels


# --- the seed and the tickets


def seed_of(values: Sequence[str]) -> str:
    """The seed: the sources' values in announced order. Raises ``Unfit`` for one it cannot hold."""
    for value in values:
        if not value or SEPARATOR in value:
            raise Unfit(f"{value!r} is empty or contains {SEPARATOR!r}")
    if not values:
        raise Unfit("a seed needs at least one value")
    return SEPARATOR.join(values)


def ticket(seed: str, draw: str, stratum: str, uscc: str, weight: int | None = None) -> str:
    """The ticket (hex) of one business; its smallest when it has a weight."""
    base = f"{seed}|{draw}|{stratum}|{uscc}"
    if weight is None:
        return sha256(base.encode()).hexdigest()
    return min(sha256(f"{base}|{k}".encode()).hexdigest() for k in range(1, weight + 1))


def officer_order(seed: str, draw: str, uscc: str, officers: Iterable[str]) -> list[str]:
    """The officers in the order in which they are asked for the visit to one business."""
    start = f"{seed}|{draw}|OFFICER|{uscc}|".encode()
    return sorted(set(officers), key=lambda name: (sha256(start + name.encode()).digest(), name))


def quota(size: int, ratio: str) -> int:
    """How many of ``size`` a ratio asks for: ``ceil(size × ratio)``, in decimal arithmetic."""
    return int((size * ratio_of(ratio)).to_integral_value(rounding=ROUND_CEILING))


def ratio_of(text: str) -> Decimal:
    """A ratio from 0 to 1 with at most four places. Raises ``Unfit`` for anything else."""
    if not _RATIO.fullmatch(text) or (ratio := Decimal(text)) > 1:
        raise Unfit(f"{text!r} is no ratio from 0 to 1 with at most four decimal places")
    return ratio


_RATIO = re.compile(r"[01](\.[0-9]{1,4})?")


# --- the draw


def draw(
    entries: Iterable[Entry],
    draw_id: str,
    seed: str,
    ratios: Mapping[str, str],
    *,
    by: str = "grade",
    reserves: int = 0,
) -> list[Stratum]:
    """Draw from every stratum, in the order of ``ratios``; ``reserves`` more ranks from each.

    ``by`` is the key of an entry that names its stratum. Raises ``Unfit`` for an entry whose
    stratum has no ratio: nobody is left out without being named.
    """
    for part in (draw_id, *ratios):
        if SEPARATOR in part:
            raise Unfit(f"{part!r} contains {SEPARATOR!r}")
    members: dict[str, tuple[list[str], list[int | None]]] = {key: ([], []) for key in ratios}
    for entry in entries:
        stratum = members.get(entry.get(by))  # type: ignore[arg-type]
        if stratum is None:
            raise Unfit(f"{entry.get('uscc')} is of {by} {entry.get(by)!r}, which has no ratio")
        stratum[0].append(entry["uscc"])  # type: ignore[arg-type]
        stratum[1].append(entry.get("weight"))  # type: ignore[arg-type]
    return [
        _draw_stratum(key, members[key], f"{seed}|{draw_id}|{key}|", ratio, reserves)
        for key, ratio in ratios.items()
    ]


def _draw_stratum(
    key: str,
    members: tuple[Sequence[str], Sequence[int | None]],
    start: str,
    ratio: str,
    reserves: int,
) -> Stratum:
    codes, weights = members
    size = len(codes)
    due = quota(size, ratio)
    ranked = _smallest(codes, weights, start, min(size, due + reserves))
    chances = inclusion_probabilities(weights, due)
    picked = tuple(
        Picked(code, key, digest.hex(), rank, chances[weight])
        for rank, (digest, code, weight) in enumerate(ranked, 1)
    )
    return Stratum(key, size, due, picked[:due], picked[due:])


def _smallest(
    codes: Sequence[str], weights: Sequence[int | None], start: str, count: int
) -> list[tuple[bytes, str, int | None]]:
    """The ``count`` smallest tickets in order, each with its business; equal ones by its code."""
    if any(weight is not None for weight in weights):
        held = [
            (_lightest(start, code, weight), code, weight)
            for code, weight in zip(codes, weights, strict=True)
        ]
        return sorted(held)[:count]
    prefix = start.encode()
    digests = [sha256(prefix + code.encode()).digest() for code in codes]
    pairs = zip(digests, codes, strict=True)
    # Tickets are uniform, so nearly all that cannot be among the smallest are known without
    # sorting them. When the guess was too narrow, which the count shows, everything is sorted.
    size = len(codes)
    guess = (count + 8 * (int(count**0.5) + 1)) * 2**64 // max(size, 1)
    near = (
        [pair for pair in pairs if pair[0] < bound]
        if guess < 2**63 and (bound := guess.to_bytes(8, "big"))
        else list(pairs)
    )
    if len(near) < count:
        near = list(zip(digests, codes, strict=True))
    return [(digest, code, None) for digest, code in sorted(near)[:count]]


def _lightest(start: str, code: str, weight: int | None) -> bytes:
    base = start + code
    if weight is None:
        return sha256(base.encode()).digest()
    if weight < 1:
        raise Unfit(f"{code} has weight {weight}; a weight counts tickets, from 1")
    return min(sha256(f"{base}|{k}".encode()).digest() for k in range(1, weight + 1))


def inclusion_probabilities(weights: Sequence[int | None], due: int) -> dict[int | None, str]:
    """The chance of being drawn for each weight of a stratum, with at most four places.

    Without weights it is quota ÷ size. With them, a ticket below t comes to an entry of weight w
    with chance 1 − (1 − t)^w; t is where the expected number of those drawn is the quota. Nobody
    who might be drawn has chance 0, nobody who might not has chance 1.
    """
    size = len(weights)
    counts: dict[int | None, int] = {}
    for weight in weights:
        counts[weight] = counts.get(weight, 0) + 1
    if len(counts) < 2 or due in (0, size):
        return {weight: shown(due, size) for weight in counts}
    with localcontext() as context:
        context.prec = 40
        low, high = Decimal(0), Decimal(1)
        for _ in range(120):
            # ``keep`` is 1 − t: the chance that one ticket stays above the bound.
            keep = (low + high) / 2
            drawn = sum((1 - keep ** (weight or 1)) * n for weight, n in counts.items())
            low, high = (keep, high) if drawn > due else (low, keep)
        return {weight: _shown_decimal(1 - high ** (weight or 1), sure=False) for weight in counts}


def shown(part: int, whole: int) -> str:
    """``part ÷ whole`` as a decimal with at most four places, never falsely 0 or 1."""
    if not whole or not part:
        return "0"
    return _shown_decimal(Decimal(part) / Decimal(whole), sure=part == whole)


def _shown_decimal(chance: Decimal, *, sure: bool) -> str:
    if sure:
        return "1"
    rounded = chance.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN)
    inside = min(max(rounded, Decimal("0.0001")), Decimal("0.9999"))
    return f"{inside.normalize():f}"


# --- the result


def selection_lines(strata: Iterable[Stratum]) -> list[bytes]:
    """The selected of every stratum as canonical lines, in the order of strata and ranks."""
    return [_canonical(picked._asdict()) for stratum in strata for picked in stratum.selected]
