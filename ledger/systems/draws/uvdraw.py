"""UVDRAW-1: who is drawn, from public data alone (2.3).

Everything here is a pure function of what is published about a draw: the frozen roster, the draw's
id, its ratios and the seed. There is no clock, no randomness, no float, and no import but the
standard library's: a stranger who has this file has the whole algorithm.

- *Roster*: entries sorted by ``uscc``. An entry's *line* is its canonical JSON: keys sorted,
  separators ``,`` and ``:``, UTF-8, no spaces. The roster's bytes are the lines as one JSON list;
  ``roster_hash`` is their SHA-256, ``roster_root`` the RFC 6962 root over the lines, under which
  each business can be shown its own line without anybody else's.
- *Seed*: the values of the announced sources, in announced order, joined by ``|``.
- *Ticket*: ``SHA-256(seed|draw|stratum|uscc)``. An entry with a weight w, from 1 to 1000, holds w
  tickets, with ``|k`` behind, k = 1…w, and its smallest counts.
- *Selection*: per stratum the ``ceil(N × ratio)`` smallest tickets, by rank from 1; the ranks after
  them are the reserves. A ticket depends on its own line alone: a longer list only adds to a
  shorter one, and a disputed entry moves nobody else's ticket.
- *Officers* at a business: ascending ``SHA-256(seed|draw|OFFICER|uscc|officer)``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext
from hashlib import sha256
from math import isqrt
from operator import itemgetter
from typing import NamedTuple

ALGORITHM = "UVDRAW-1"

#: What stands between the parts of a ticket's preimage; no part may contain it.
SEPARATOR = "|"

#: How many tickets an entry may hold. Without a bound a false line keeps its reader hashing.
MAX_WEIGHT = 1000

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
    """One stratum of a draw: how many there were, how many were due, who came out.

    ``ranked`` holds those due and then the reserves by rank, each as its ticket (32 bytes) with the
    ``uscc`` behind; ``chances`` the inclusion probability of each, or the one of all.
    """

    key: str
    size: int
    quota: int
    ranked: tuple[bytes, ...]
    chances: tuple[str, ...] | str

    @property
    def selected(self) -> tuple[Picked, ...]:
        """Those who are drawn."""
        return tuple(self._picked(0, self.quota))

    @property
    def reserves(self) -> tuple[Picked, ...]:
        """Those who take the place of somebody exempted, in turn."""
        return tuple(self._picked(self.quota, len(self.ranked)))

    def picked(self) -> Iterator[Picked]:
        """Both, by rank."""
        return self._picked(0, len(self.ranked))

    def _picked(self, start: int, stop: int) -> Iterator[Picked]:
        chances = self.chances
        for rank, one in enumerate(self.ranked[start:stop], start + 1):
            chance = chances if isinstance(chances, str) else chances[rank - 1]
            yield Picked(one[32:].decode(), self.key, one[:32].hex(), rank, chance)


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
    return prover(lines)(index)


def prover(lines: Sequence[bytes]) -> Callable[[int], list[str]]:
    """What gives the audit path of any line; for many, the tree is hashed once."""
    # Joined, for a tree that is kept: an object for each hash would take three times the room.
    levels = [b"".join(level) for level in _levels(lines)]

    def proof(index: int) -> list[str]:
        path = []
        for level in levels[:-1]:
            at = (index ^ 1) * 32
            if beside := level[at : at + 32]:
                path.append(beside.hex())
            index >>= 1
        return path

    return proof


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
    """The ticket (hex) of one business; its smallest when it has a weight.

    Raises ``Unfit`` for a weight below 1 or above ``MAX_WEIGHT``.
    """
    return _lightest(f"{seed}|{draw}|{stratum}|".encode(), uscc.encode(), weight).hex()


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
    starts = _starts(draw_id, seed, ratios)
    members: dict[str, list[tuple[bytes, int | None]]] = {key: [] for key in ratios}
    for entry in entries:
        stratum = members.get(entry.get(by))  # type: ignore[arg-type]
        if stratum is None:
            raise Unfit(f"{entry.get('uscc')} is of {by} {entry.get(by)!r}, which has no ratio")
        stratum.append((entry["uscc"].encode(), entry.get("weight")))  # type: ignore[union-attr,arg-type]
    strata = []
    for key, held in members.items():
        start = starts[key]
        due = quota(len(held), ratios[key])
        weights = [weight for _, weight in held]
        ranked = sorted(
            ((_lightest(start, code, weight) + code, weight) for code, weight in held),
            key=itemgetter(0),
        )[: due + reserves]
        by_weight = inclusion_probabilities(weights, due)
        chances: tuple[str, ...] | str = shown(due, len(held))
        if len(by_weight) > 1:
            chances = tuple(by_weight[weight] for _, weight in ranked)
        strata.append(Stratum(key, len(held), due, tuple(one for one, _ in ranked), chances))
    return strata


def draw_roster(
    roster: bytes,
    draw_id: str,
    seed: str,
    ratios: Mapping[str, str],
    *,
    by: str = "grade",
    reserves: int = 0,
) -> list[Stratum]:
    """``draw`` from canonical roster bytes, as fast where lines say stratum and ``uscc`` alone.

    Whether bytes are canonical is what ``read_roster`` says; those of a frozen roster are.
    """
    starts = _starts(draw_id, seed, ratios)
    ranked = _rank_lines(roster, starts, ratios, by, reserves)
    if ranked is None:
        return draw(json.loads(roster), draw_id, seed, ratios, by=by, reserves=reserves)
    return ranked


def _starts(draw_id: str, seed: str, ratios: Mapping[str, str]) -> dict[str, bytes]:
    """How the tickets of each stratum begin."""
    for part in (draw_id, *ratios):
        if SEPARATOR in part:
            raise Unfit(f"{part!r} contains {SEPARATOR!r}")
    return {key: f"{seed}|{draw_id}|{key}|".encode() for key in ratios}


def _rank_lines(
    roster: bytes, starts: Mapping[str, bytes], ratios: Mapping[str, str], by: str, reserves: int
) -> list[Stratum] | None:
    """The draw straight from the bytes; ``None`` where lines hold more than stratum and ``uscc``.

    A million businesses are drawn in little more time than a million hashes take: nothing is made
    of a line but its ticket, and of a ticket nothing unless it can be among the smallest. Tickets
    are uniform, so those that cannot are known without sorting them; should the guess have been too
    narrow, which the count shows, all are ranked.
    """
    heads = {key: f'{{"{by}":"{key}","uscc":"'.encode() for key in ratios}
    firsts = {key.encode()[0]: key for key in ratios if key}
    if len(firsts) < len(ratios) or b"\\" in roster:
        return None
    sizes = {key: roster.count(head) for key, head in heads.items()}
    total = sum(sizes.values())
    # Every entry begins with one of the heads, and has no quotes but theirs and the closing one.
    if roster.count(b"{") != total or roster.count(b'"') != 8 * total:
        return None
    dues = {key: quota(sizes[key], ratios[key]) for key in ratios}
    wanted = {key: min(sizes[key], dues[key] + reserves) for key in ratios}
    # Of each stratum by the first byte of its key: how tickets begin, what they have to lie below,
    # and where in a line the uscc begins.
    of = {
        first: (
            starts[key],
            _bound(wanted[key], sizes[key]),
            len(heads[key]) - len(f'{{"{by}":"'),
        )
        for first, key in firsts.items()
    }
    seam = f'"}},{{"{by}":"'.encode()
    near: list[bytes] = []
    at, end = len(seam) - 2, len(roster) - 3
    digest_of = sha256
    while at < end:
        # Some lines at a time: they stay in the processor's cache.
        to = roster.find(seam, at + _WINDOW, end)
        to = end if to < 0 else to
        near += [
            line[:1] + digest + line[cut:]
            for line in roster[at:to].split(seam)
            for start, bound, cut in [of[line[0]]]
            if (digest := digest_of(start + line[cut:]).digest()) < bound
        ]
        at = to + len(seam)
    near.sort()
    return _strata_of(near, sizes, dues, wanted)


def _strata_of(
    near: list[bytes], sizes: Mapping[str, int], dues: Mapping[str, int], wanted: Mapping[str, int]
) -> list[Stratum] | None:
    """The strata of sorted candidates: first byte of the stratum, then ticket, then code."""
    strata = []
    for key, size in sizes.items():
        first = key.encode()[0]
        start = bisect_left(near, bytes((first,)))
        ranked = near[start : bisect_left(near, bytes((first + 1,)), start)][: wanted[key]]
        if len(ranked) < wanted[key]:
            return None
        chance = shown(dues[key], size)
        strata.append(Stratum(key, size, dues[key], tuple([one[1:] for one in ranked]), chance))
    return strata


#: Bytes of a roster that are looked at together.
_WINDOW = 32 * 1024


def _bound(count: int, size: int) -> bytes:
    """What the ``count`` smallest of ``size`` tickets lie below, all but surely; or all do."""
    guess = (count + 8 * (isqrt(count) + 1)) * 2**64 // max(size, 1)
    return guess.to_bytes(8, "big") if guess < 2**64 else b"\xff" * 33


def _lightest(start: bytes, code: bytes, weight: int | None) -> bytes:
    base = start + code
    if weight is None:
        return sha256(base).digest()
    if not 1 <= weight <= MAX_WEIGHT:
        raise Unfit(
            f"{code.decode()} has weight {weight}; a weight counts tickets, from 1 to {MAX_WEIGHT}"
        )
    return min(sha256(b"%b|%d" % (base, k)).digest() for k in range(1, weight + 1))


def inclusion_probabilities(weights: Sequence[int | None], due: int) -> dict[int | None, str]:
    """The chance of being drawn for each weight of a stratum, with at most four places.

    Without weights it is quota ÷ size. With them, a ticket below t comes to an entry of weight w
    with chance 1 − (1 − t)^w; t is where the expected number of those drawn is the quota. Nobody
    who might be drawn has chance 0, nobody who might not has chance 1.
    """
    size = len(weights)
    # No weight is one ticket, as weight 1 is: who holds as many has the same chance.
    counts: dict[int, int] = {}
    for weight in weights:
        counts[weight or 1] = counts.get(weight or 1, 0) + 1
    if len(counts) < 2 or due in (0, size):
        return {weight: shown(due, size) for weight in set(weights)}
    with localcontext() as context:
        context.prec = 40
        low, high = Decimal(0), Decimal(1)
        for _ in range(120):
            # ``keep`` is 1 − t: the chance that one ticket stays above the bound.
            keep = (low + high) / 2
            drawn = sum((1 - keep**weight) * n for weight, n in counts.items())
            low, high = (keep, high) if drawn > due else (low, keep)
        by_tickets = {weight: _shown_decimal(1 - high**weight, sure=False) for weight in counts}
        return {weight: by_tickets[weight or 1] for weight in set(weights)}


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
    """Every stratum's selected and then its reserves as canonical lines, in order of their rank."""
    return [
        b'{"inclusion_prob":"%b","rank":%d,"stratum":"%b","ticket":"%b","uscc":%b}'
        % (
            one.inclusion_prob.encode(),
            one.rank,
            one.stratum.encode(),
            one.ticket.encode(),
            json.dumps(one.uscc, ensure_ascii=False).encode(),
        )
        for stratum in strata
        for one in stratum.picked()
    ]
