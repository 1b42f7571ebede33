"""Make the font of the PDF documents from Noto Sans SC: a subset, so that a copy stays small.

    python -m tools.font NotoSansSC_400Regular.ttf api/documents/NotoSansSC-Regular-subset.ttf

The source is the TTF of the npm package ``@expo-google-fonts/noto-sans-sc`` 0.4.3 (SIL OFL 1.1).
The subset has the 8,105 characters of 通用规范汉字表 (国发〔2013〕23号), which names of businesses,
persons and places are written with, the other characters of GB 2312, and the signs below.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset  # type: ignore[import-untyped]

#: The characters of 通用规范汉字表, in its order.
LIST = Path(__file__).with_name("通用规范汉字表.txt")

#: Latin with accents, punctuation, arrows, enclosed numbers, mathematical and full-width signs.
RANGES = (
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x2010, 0x2027),
    (0x2030, 0x203B),
    (0x20AC, 0x20AC),
    (0x2103, 0x2103),
    (0x2116, 0x2116),
    (0x2150, 0x218B),
    (0x2190, 0x2199),
    (0x2200, 0x22FF),
    (0x2460, 0x24FF),
    (0x25A0, 0x25CF),
    (0x2605, 0x2606),
    (0x2713, 0x2717),
    (0x3000, 0x303F),
    (0x3200, 0x33FF),
    (0xFF01, 0xFF5E),
    (0xFFE0, 0xFFE6),
)


def wanted() -> set[int]:
    """Return the code points that the subset has, as far as the source has them."""
    listed = {ord(character) for character in LIST.read_text("utf-8").strip()}
    ranges = {code for low, high in RANGES for code in range(low, high + 1)}
    return listed | ranges | _gb2312()


def _gb2312() -> set[int]:
    rows = range(0xA1, 0xF8)
    cells = (bytes((row, cell)) for row in rows for cell in range(0xA1, 0xFF))
    return {ord(character) for cell in cells for character in cell.decode("gb2312", "ignore")}


def main() -> None:
    """Write the subset of a font."""
    source, target = map(Path, sys.argv[1:])
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "STAT", "vhea", "vmtx"]
    font = subset.load_font(str(source), options)
    # The same bytes of the same source: the time of writing is not part of them.
    font.recalcTimestamp = False
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted())
    subsetter.subset(font)
    subset.save_font(font, str(target), options)


if __name__ == "__main__":
    main()
