"""Row 7: a draw over a million businesses, beside a bare loop of as many SHA-256."""

from __future__ import annotations

import json
import random
import time
from functools import cache
from hashlib import sha256

from benchmarks.measuring import in_turns, report
from ledger.systems.draws import uvdraw

SEED = "20260719|08 14 17 22 29 31 05|3518.76"
DRAW = "DRAW-2026-0007"
RATIOS = {"A": "0.05", "B": "0.20", "C": "0.50", "D": "1.00"}
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@cache
def frozen_roster(size: int) -> bytes:
    """The canonical bytes of a roster: mostly A and B, as registers are."""
    chance = random.Random(1)
    codes: set[str] = set()
    while len(codes) < size:
        codes.add("91620100" + "".join(chance.choices(ALPHABET, k=10)))
    grades = chance.choices("ABCD", weights=(40, 45, 10, 5), k=size)
    entries = [{"grade": g, "uscc": c} for g, c in zip(grades, sorted(codes), strict=True)]
    return uvdraw.roster_bytes(uvdraw.roster_lines(entries))


def drawing_rate(roster: bytes, size: int) -> float:
    """Businesses per second, from the stored bytes to who is selected, the hash checked."""
    started = time.perf_counter()
    uvdraw.roster_hash(roster)
    strata = uvdraw.draw_roster(roster, DRAW, SEED, RATIOS)
    elapsed = time.perf_counter() - started
    assert sum(stratum.size for stratum in strata) == size
    return size / elapsed


def hashing_rate(texts: list[bytes]) -> float:
    """SHA-256 per second in the barest loop there is: of what the tickets are made of."""
    started = time.perf_counter()
    for text in texts:
        sha256(text).digest()
    return len(texts) / (time.perf_counter() - started)


def rooting_rate(roster: bytes, size: int) -> float:
    """Businesses per second for the root over the lines; once, when the roster is frozen."""
    lines = [uvdraw.line(entry) for entry in json.loads(roster)]
    started = time.perf_counter()
    uvdraw.roster_root(lines)
    return size / (time.perf_counter() - started)


def run(quick: bool = False) -> None:
    """Measure and print."""
    size = 100_000 if quick else 1_000_000
    roster = frozen_roster(size)
    texts = [f"{SEED}|{DRAW}|A|{e['uscc']}".encode() for e in json.loads(roster)]
    figures = in_turns(
        lambda: drawing_rate(roster, size), lambda: hashing_rate(texts), rounds=3 if quick else 5
    )
    report(f"draw over {size:,}, roster hash included ÷ bare SHA-256", *figures, 0.5, "entities/s")
    figures = in_turns(
        lambda: rooting_rate(roster, size), lambda: hashing_rate(texts), rounds=3 if quick else 5
    )
    report(f"roster root over {size:,} ÷ bare SHA-256", *figures, 0.3, "entities/s")
