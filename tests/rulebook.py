"""The ids of the rules of the rulebook, as it numbers them: R refuse a command, V are findings."""

from __future__ import annotations

#: How many of each the rulebook has, by system.
_COUNTS = {
    "GEN": (2, 2),
    "CAT": (7, 4),
    "FIL": (12, 7),
    "DRW": (10, 7),
    "ENT": (1, 2),
    "CRD": (6, 4),
    "CMT": (1, 0),
    "DIS": (5, 2),
    "GRD": (3, 1),
    "REP": (9, 5),
    "SHR": (2, 2),
    "KEY": (6, 4),
    "OBS": (4, 2),
    "FLX": (6, 3),
    "PUB": (2, 3),
    "REC": (3, 3),
    "LRV": (3, 3),
    "PEN": (7, 0),
    "CFR": (3, 3),
    "SUP": (5, 3),
    "JNT": (4, 3),
    "CMP": (3, 5),
    "RCN": (5, 4),
    "LDG": (2, 3),
    "WRK": (2, 4),
    "ASM": (4, 1),
}

REFUSALS = tuple(f"{s}-R{n}" for s, (last, _) in _COUNTS.items() for n in range(1, last + 1))
FINDINGS = tuple(f"{s}-V{n}" for s, (_, last) in _COUNTS.items() for n in range(1, last + 1))

#: What refuses nothing and finds nothing: where it is done instead, as ``module:name``.
ELSEWHERE = {
    # A permission: an emergency opens without R1 to R4, and a deadline for what is made up later.
    "FIL-R5": "ledger.systems.filing.rules:FILE_EMERGENCY",
}
