"""UVDRAW-1: the algorithm that draws businesses from public data alone (2.3).

Everything here is a pure function of the published data of a draw: the frozen roster, the draw's
id, its ratios and the seed. The module uses no clock, no randomness and no floating point, and
imports only the standard library: a stranger who has this file has the whole algorithm.

- *Roster*: entries sorted by ``uscc``. An entry's *line* is its canonical JSON: keys sorted,
  separators ``,`` and ``:``, UTF-8, no spaces. The roster's bytes are the lines as one JSON list;
  ``roster_hash`` is their SHA-256, ``roster_root`` the RFC 6962 root over the lines. Under this
  root a business can be shown its own line without the lines of others.
- *Seed*: the values of the announced sources, in announced order, joined by ``|``.
- *Ticket*: ``SHA-256(seed|draw|stratum|uscc)``. An entry with a weight w, from 1 to 1000, has w
  tickets, with ``|k`` appended for k = 1…w; its smallest ticket counts.
- *Selection*: per stratum the ``ceil(N × ratio)`` smallest tickets, by rank from 1; the ranks after
  them are the reserves. A ticket depends only on its own line: a longer list only adds to a shorter
  one, and a disputed entry does not change any other ticket.
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

#: The separator between the parts of a ticket's preimage; no part may contain it.
SEPARATOR = "|"

#: The largest number of tickets of an entry. Without a limit, a forged line could make its reader
#: compute hashes forever.
MAX_WEIGHT = 1000

#: A business on a roster: ``uscc``, the key that names its stratum, and optionally ``weight``.
Entry = Mapping[str, str | int]


class Unfit(ValueError):
    """A roster, ratio or seed is not valid under UVDRAW-1; the message says why."""


class Picked(NamedTuple):
    """A selected or reserve business with its ticket; ``rank`` counts from 1."""

    uscc: str
    stratum: str
    ticket: str
    rank: int
    inclusion_prob: str


class Stratum(NamedTuple):
    """The result of a draw for one stratum: its size, its quota and the businesses drawn.

    ``ranked`` has the selected businesses and then the reserves by rank, each as its ticket (32
    bytes) followed by its ``uscc``. ``chances`` has the inclusion probability of each business, or
    one string if it is the same for all.
    """

    key: str
    size: int
    quota: int
    ranked: tuple[bytes, ...]
    chances: tuple[str, ...] | str

    @property
    def selected(self) -> tuple[Picked, ...]:
        """The drawn businesses."""
        return tuple(self._picked(0, self.quota))

    @property
    def reserves(self) -> tuple[Picked, ...]:
        """The businesses that replace exempted ones, in this order."""
        return tuple(self._picked(self.quota, len(self.ranked)))

    def picked(self) -> Iterator[Picked]:
        """Yield the drawn businesses and the reserves, by rank."""
        return self._picked(0, len(self.ranked))

    def _picked(self, start: int, stop: int) -> Iterator[Picked]:
        chances = self.chances
        for rank, pick in enumerate(self.ranked[start:stop], start + 1):
            chance = chances if isinstance(chances, str) else chances[rank - 1]
            yield Picked(pick[32:].decode(), self.key, pick[:32].hex(), rank, chance)


# --- the roster


def line(entry: Entry) -> bytes:
    """Return the canonical JSON of an entry."""
    return _canonical(entry)


def roster_lines(entries: Iterable[Entry]) -> list[bytes]:
    """Return the lines of a roster, sorted by ``uscc``.

    Raise ``Unfit`` for an entry without ``uscc`` or with a ``|`` in it, and for a ``uscc`` that
    occurs twice.
    """
    by_code: dict[str, bytes] = {}
    for entry in entries:
        code = entry.get("uscc")
        if not isinstance(code, str) or not code or SEPARATOR in code:
            raise Unfit(f"{entry!r} must have a uscc without {SEPARATOR!r}")
        if code in by_code:
            raise Unfit(f"{code} is on the roster twice")
        by_code[code] = _canonical(entry)
    return [by_code[code] for code in sorted(by_code)]


def roster_bytes(lines: Iterable[bytes]) -> bytes:
    """Return the canonical bytes of a roster: its lines as one JSON list."""
    return b"[" + b",".join(lines) + b"]"


def roster_hash(roster: bytes) -> str:
    """Return ``roster_hash``: the SHA-256 (hex) of the canonical bytes of a roster."""
    return sha256(roster).hexdigest()


def read_roster(roster: bytes) -> list[dict[str, str | int]]:
    """Return the entries of canonical roster bytes; raise ``Unfit`` if not canonical."""
    try:
        entries = json.loads(roster)
    except ValueError as error:
        raise Unfit(f"the roster is not valid JSON: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Unfit("the roster must be a list of entries")
    if roster_bytes(roster_lines(entries)) != roster:
        raise Unfit("the roster is not in canonical form: sort it by uscc, and each entry by key")
    return entries


def _canonical(entry: Entry) -> bytes:
    return json.dumps(
        dict(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


# --- the root over the lines (RFC 6962, section 2.1)


def roster_root(lines: Sequence[bytes]) -> str:
    """Return the RFC 6962 root (hex) over lines."""
    if not lines:
        return sha256(b"").hexdigest()
    return _levels(lines)[-1][0].hex()


def roster_proof(lines: Sequence[bytes], index: int) -> list[str]:
    """Return the audit path (hex) that proves line ``index``, from 0, under the root."""
    return prover(lines)(index)


def prover(lines: Sequence[bytes]) -> Callable[[int], list[str]]:
    """Return a function from an index to its audit path, which hashes the tree only once."""
    # Hashes of a level are joined: an object for each would take three times the memory.
    levels = [b"".join(level) for level in _levels(lines)]

    def proof(index: int) -> list[str]:
        path = []
        for level in levels[:-1]:
            at = (index ^ 1) * 32
            if sibling := level[at : at + 32]:
                path.append(sibling.hex())
            index >>= 1
        return path

    return proof


def proves(root: str, size: int, index: int, entry: bytes, path: Sequence[str]) -> bool:
    """Return whether ``path`` proves ``entry`` as line ``index`` of ``size`` under ``root``."""
    if not 0 <= index < size:
        return False
    digest, last, steps = sha256(b"\x00" + entry).digest(), size - 1, iter(path)
    while last:
        if index & 1 or index < last:
            step = next(steps, None)
            if step is None:
                return False
            sibling = bytes.fromhex(step)
            left, right = (sibling, digest) if index & 1 else (digest, sibling)
            digest = sha256(b"\x01" + left + right).digest()
        index, last = index >> 1, last >> 1
    return next(steps, None) is None and digest.hex() == root


def _levels(lines: Sequence[bytes]) -> list[list[bytes]]:
    """Return the hashes of the tree from the leaves up.

    A node without a right sibling is copied to the next level.
    """
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
    """Return the seed: the values in announced order, joined by ``|``.

    Raise ``Unfit`` for an empty list or value, or a value that contains ``|``.
    """
    for value in values:
        if not value or SEPARATOR in value:
            raise Unfit(f"{value!r} must not be empty or contain {SEPARATOR!r}")
    if not values:
        raise Unfit("a seed needs at least one value")
    return SEPARATOR.join(values)


def ticket(seed: str, draw: str, stratum: str, uscc: str, weight: int | None = None) -> str:
    """Return the ticket (hex) of a business; with a weight, the smallest of its tickets.

    Raise ``Unfit`` for a weight below 1 or above ``MAX_WEIGHT``.
    """
    return _lightest(f"{seed}|{draw}|{stratum}|".encode(), uscc.encode(), weight).hex()


def officer_order(seed: str, draw: str, uscc: str, officers: Iterable[str]) -> list[str]:
    """Return the officers in their drawn order for the visit to a business."""
    start = f"{seed}|{draw}|OFFICER|{uscc}|".encode()
    return sorted(set(officers), key=lambda name: (sha256(start + name.encode()).digest(), name))


def quota(size: int, ratio: str) -> int:
    """Return how many of ``size`` must be drawn: ``ceil(size × ratio)``, computed exactly."""
    return int((size * ratio_of(ratio)).to_integral_value(rounding=ROUND_CEILING))


def ratio_of(text: str) -> Decimal:
    """Return a ratio from 0 to 1 with at most four places; raise ``Unfit`` for other texts."""
    if not _RATIO.fullmatch(text) or (ratio := Decimal(text)) > 1:
        raise Unfit(f"a ratio must be from 0 to 1 with at most four decimal places; it is {text!r}")
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
    """Draw from every stratum, in the order of ``ratios``, with ``reserves`` more ranks from each.

    ``by`` is the key of an entry that names its stratum. Raise ``Unfit`` for an entry whose stratum
    has no ratio, so that no entry is left out silently.
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
        strata.append(Stratum(key, len(held), due, tuple(pick for pick, _ in ranked), chances))
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
    """Draw like ``draw``, but from canonical roster bytes.

    It is fast if lines have only stratum and ``uscc``. The bytes must be canonical, as those of a
    frozen roster are; ``read_roster`` checks it.
    """
    starts = _starts(draw_id, seed, ratios)
    ranked = _rank_lines(roster, starts, ratios, by, reserves)
    if ranked is None:
        return draw(json.loads(roster), draw_id, seed, ratios, by=by, reserves=reserves)
    return ranked


def _starts(draw_id: str, seed: str, ratios: Mapping[str, str]) -> dict[str, bytes]:
    """Return the beginning of the ticket preimage for each stratum."""
    for part in (draw_id, *ratios):
        if SEPARATOR in part:
            raise Unfit(f"{part!r} contains {SEPARATOR!r}")
    return {key: f"{seed}|{draw_id}|{key}|".encode() for key in ratios}


def _rank_lines(
    roster: bytes, starts: Mapping[str, bytes], ratios: Mapping[str, str], by: str, reserves: int
) -> list[Stratum] | None:
    """Draw directly from the bytes; return ``None`` if lines have more than stratum and ``uscc``.

    A million businesses are drawn in little more time than a million hashes take. Nothing but the
    ticket is computed from a line, and only tickets below an estimated bound are kept and sorted.
    Tickets are uniformly distributed, so the bound is almost never too low. If it was, which the
    count of kept tickets shows, the result is ``None`` too and the caller ranks all tickets.
    """
    heads = {key: f'{{"{by}":"{key}","uscc":"'.encode() for key in ratios}
    firsts = {key.encode()[0]: key for key in ratios if key}
    if len(firsts) < len(ratios) or b"\\" in roster:
        return None
    sizes = {key: roster.count(head) for key, head in heads.items()}
    total = sum(sizes.values())
    # Every entry must begin with one of the heads, and have no quotes but theirs and the last one.
    if roster.count(b"{") != total or roster.count(b'"') != 8 * total:
        return None
    dues = {key: quota(sizes[key], ratios[key]) for key in ratios}
    wanted = {key: min(sizes[key], dues[key] + reserves) for key in ratios}
    # By the first byte of a stratum's key: the beginning of the preimage, the bound of the tickets,
    # and the index in a line at which the uscc begins.
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
        # Take a few lines at a time, so that they stay in the processor's cache.
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
    """Return the strata of sorted candidates, or ``None`` if there are too few.

    A candidate is the first byte of the stratum's key, the ticket and the ``uscc``.
    """
    strata = []
    for key, size in sizes.items():
        first = key.encode()[0]
        start = bisect_left(near, bytes((first,)))
        ranked = near[start : bisect_left(near, bytes((first + 1,)), start)][: wanted[key]]
        if len(ranked) < wanted[key]:
            return None
        chance = shown(dues[key], size)
        strata.append(Stratum(key, size, dues[key], tuple([pick[1:] for pick in ranked]), chance))
    return strata


#: The number of bytes of a roster that are processed at a time.
_WINDOW = 32 * 1024


def _bound(count: int, size: int) -> bytes:
    """Return a bound below which the ``count`` smallest of ``size`` tickets almost surely lie."""
    guess = (count + 8 * (isqrt(count) + 1)) * 2**64 // max(size, 1)
    return guess.to_bytes(8, "big") if guess < 2**64 else b"\xff" * 33


def _lightest(start: bytes, code: bytes, weight: int | None) -> bytes:
    base = start + code
    if weight is None:
        return sha256(base).digest()
    if not 1 <= weight <= MAX_WEIGHT:
        raise Unfit(f"the weight of {code.decode()} must be from 1 to {MAX_WEIGHT}; it is {weight}")
    return min(sha256(b"%b|%d" % (base, k)).digest() for k in range(1, weight + 1))


def inclusion_probabilities(weights: Sequence[int | None], due: int) -> dict[int | None, str]:
    """Return the probability of being drawn for each weight, with at most four places.

    Without weights it is quota ÷ size. An entry of weight w has a ticket below t with probability
    1 − (1 − t)^w; t is chosen so that the expected number of drawn entries is the quota. The result
    is never rounded to 0 for an entry that may be drawn, nor to 1 for one that may not be drawn.
    """
    size = len(weights)
    # An entry without a weight has one ticket, the same as weight 1.
    counts: dict[int, int] = {}
    for weight in weights:
        counts[weight or 1] = counts.get(weight or 1, 0) + 1
    if len(counts) < 2 or due in (0, size):
        return {weight: shown(due, size) for weight in set(weights)}
    with localcontext() as context:
        context.prec = 40
        low, high = Decimal(0), Decimal(1)
        for _ in range(120):
            # ``keep`` is 1 − t: the probability that a ticket is above t.
            keep = (low + high) / 2
            drawn = sum((1 - keep**weight) * n for weight, n in counts.items())
            low, high = (keep, high) if drawn > due else (low, keep)
        by_tickets = {weight: _shown_decimal(1 - high**weight, sure=False) for weight in counts}
        return {weight: by_tickets[weight or 1] for weight in set(weights)}


def shown(part: int, whole: int) -> str:
    """Return ``part ÷ whole`` with at most four decimal places, never rounded to 0 or 1."""
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
    """Return the canonical lines of all strata: by rank, the selected first, then the reserves."""
    return [
        b'{"inclusion_prob":"%b","rank":%d,"stratum":"%b","ticket":"%b","uscc":%b}'
        % (
            pick.inclusion_prob.encode(),
            pick.rank,
            pick.stratum.encode(),
            pick.ticket.encode(),
            json.dumps(pick.uscc, ensure_ascii=False).encode(),
        )
        for stratum in strata
        for pick in stratum.picked()
    ]
