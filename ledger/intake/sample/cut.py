"""Makes the sample from the whole register: ``python -m ledger.intake.sample.cut FOLDER``.

The same files give the same sample, byte for byte.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from hashlib import sha256
from pathlib import Path

from ledger.intake.mapping import files_of
from ledger.intake.mappings.sf_food import SF_FOOD
from ledger.intake.sample import sample_folder

#: One in this many businesses is in the sample, chosen by the digest of its number.
SHARE = 8

#: Rare changes: all businesses with such a change are in the sample.
RARE = {
    "inspection_withdrawn",
    "score_changed",
    "type_reclassified",
    "violation_added",
    "violation_removed",
}


def cut(register: Path, folder: Path) -> None:
    """Write the sample of a whole register into ``folder``."""
    chosen = {
        row["business_id"]
        for path in files_of(register, "sf_changes_*")
        for row in csv.DictReader(io.StringIO(_text(path), newline=""))
        if row["change"] in RARE
    }
    for pattern in SF_FOOD.patterns:
        for path in files_of(register, pattern):
            header, *rows = csv.reader(io.StringIO(_text(path), newline=""))
            number = header.index("business_id")
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(row for row in rows if row[number] in chosen or _falls_in(row[number]))
            name = path.name.partition(".")[0] + "_sample.csv.gz"
            # Without a time in the gzip header, the same rows give the same bytes.
            packed = gzip.compress(text.getvalue().encode(), mtime=0)
            (folder / name).write_bytes(packed)


def _falls_in(number: str) -> bool:
    return sha256(number.encode()).digest()[0] % SHARE == 0


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")


if __name__ == "__main__":
    cut(Path(sys.argv[1]), sample_folder())
