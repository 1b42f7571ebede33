"""A4 sheets: headings, fields, tables and codes; the same content makes the same bytes.

The font has the characters of 通用规范汉字表 and more (``tools.font``). A character that it lacks
is written as its code point in brackets, ``〔U+20BB7〕``: a name never loses one silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Literal

import segno
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TableHeadingsDisplay
from fpdf.fonts import FontFace

from ledger.kernel.budget import check

#: The font, in the package; its licence lies with it.
_FONT = Path(str(files("api"))) / "static" / "NotoSansSC-Regular-subset.ttf"

#: The sizes of texts in points, and the distances in millimetres: one scale each.
TITLE, HEADING, BODY, SMALL = 18.0, 12.5, 10.0, 8.0
MARGIN, LINE, GAP, _PADDING = 20.0, 6.0, 4.0, 1.5

#: Ink and greys; a document has no colour that a copier would lose.
_INK, _QUIET, _RULE, _SHADE = (17, 24, 39), (86, 95, 110), (190, 196, 205), (241, 243, 246)

#: Sheets never say when they were made: the same content makes the same bytes.
_MADE = datetime(2022, 10, 19, tzinfo=UTC)


@cache
def _drawable() -> frozenset[int]:
    """Return the characters that the font has."""
    with TTFont(_FONT, lazy=True) as font:
        return frozenset(font.getBestCmap())


def written(text: str) -> str:
    """Return a text with the code points of the characters that the font lacks."""
    known = _drawable()
    return "".join(
        character if ord(character) in known or character == "\n" else _code_point(character)
        for character in text
    )


def _code_point(character: str) -> str:
    # Marks that only direct how others are drawn have no shape of their own.
    if character in "\u200b\u200c\u200d\ufeff\ufe0f\t\r":
        return " " if character == "\t" else ""
    return f"〔U+{ord(character):04X}〕"


#: What may not stand at the beginning of a line, and what not at its end (GB/T 15834).
_NEVER_FIRST = frozenset("。，、；：？！）〕】》〉”’…—％%·),.;:?!]}")
_NEVER_LAST = frozenset("（〔【《〈“‘([{")
#: What is set as a whole: words and numbers in Latin letters, spaces, and other characters singly.
_TOKENS = re.compile(r"[!-~\u00a1-\u024f]+| +|.", re.DOTALL)


def lines_of(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Return the lines of a text that is set in a width, with punctuation where it may stand."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line: list[str] = []
        room = width
        for token in _fitting(paragraph, width, measure):
            wide = measure(token)
            if wide > room and line and token.strip():
                carried = _carried(line, token)
                lines.append("".join(line).rstrip())
                line, room = carried, width - sum(map(measure, carried))
            if line or token.strip() or not lines:
                line.append(token)
                room -= wide
        lines.append("".join(line).rstrip())
    return lines


def _fitting(text: str, width: float, measure: Callable[[str], float]) -> Iterable[str]:
    """Yield the tokens of a text; one that is wider than the line is taken apart."""
    for token in _TOKENS.findall(text):
        if measure(token) > width:
            yield from token
        else:
            yield token


def _carried(line: list[str], token: str) -> list[str]:
    """Take from the end of a line what must go to the next one with ``token``."""
    carried: list[str] = []
    while len(line) > 1 and (
        (carried[0] if carried else token)[0] in _NEVER_FIRST or line[-1][-1] in _NEVER_LAST
    ):
        carried.insert(0, line.pop())
    return carried


class Sheet(FPDF):
    """A document; ``foot`` stands at the end of each page, before its number."""

    def __init__(self, title: str, foot: str, language: Literal["zh", "en"]) -> None:
        super().__init__("portrait", "mm", "A4")
        self._foot = written(foot)
        self._language = language
        self._widths: dict[tuple[str, float], float] = {}
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, 24)
        self.set_creation_date(_MADE)
        self.set_producer("supervision-ledger")
        self.set_title(title)
        self.set_lang("zh-CN" if language == "zh" else "en")
        self.add_font("noto", fname=_FONT)
        self.set_font("noto", size=BODY)
        self.set_text_color(*_INK)
        self.set_draw_color(*_RULE)
        self.set_line_width(0.2)
        self.add_page()

    def footer(self) -> None:
        """Draw the end of a page; fpdf2 calls this."""
        self.set_y(-16)
        self.set_font("noto", size=SMALL)
        self.set_text_color(*_QUIET)
        width = self.epw
        self.cell(width - 24, 5, self._foot)
        self.cell(24, 5, f"{self.page_no()} / {{nb}}", align="R")
        self.set_text_color(*_INK)
        self.set_font("noto", size=BODY)

    def title_block(self, title: str, under: str = "", *, number: str = "") -> None:
        """Write the title of the document, what stands under it, and its number at the right."""
        self.set_font("noto", size=TITLE)
        self.multi_cell(0, 10, written(title), align="C", new_x="LMARGIN", new_y="NEXT")
        if under:
            self.small(under, align="C")
        if number:
            self.set_font("noto", size=BODY)
            self.multi_cell(0, LINE, written(number), align="R", new_x="LMARGIN", new_y="NEXT")
        y = self.get_y() + 1.5
        self.line(MARGIN, y, self.w - MARGIN, y)
        self.set_y(y + GAP)

    def heading(self, text: str) -> None:
        """Write the heading of a part, together with what follows it."""
        if self.will_page_break(4 * LINE):
            self.add_page()
        self.ln(GAP / 2)
        self.set_font("noto", size=HEADING)
        self.multi_cell(0, 8, written(text), new_x="LMARGIN", new_y="NEXT")
        self.set_font("noto", size=BODY)

    def paragraph(self, text: str, *, indent: bool = False, align: str = "L") -> None:
        """Write a paragraph; ``indent``: its first line, as official documents do."""
        check()
        lead = "　　" if indent and self._language == "zh" else ""
        self.set_font("noto", size=BODY)
        lines = self._set(lead + text, self._line_width)
        self.multi_cell(0, LINE, lines, align=align, new_x="LMARGIN", new_y="NEXT")
        self.ln(1.5)

    def small(self, text: str, *, align: str = "L") -> None:
        """Write a note."""
        self.set_font("noto", size=SMALL)
        self.set_text_color(*_QUIET)
        lines = self._set(text, self._line_width)
        self.multi_cell(0, 4.5, lines, align=align, new_x="LMARGIN", new_y="NEXT")
        self.set_text_color(*_INK)
        self.set_font("noto", size=BODY)

    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write names and values in two columns."""
        self.rows((), list(pairs), widths=(28, 72), named=True)

    def rows(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        widths: Sequence[int] | None = None,
        named: bool = False,
    ) -> None:
        """Write a table; its head is repeated on each page. ``named``: the first column names."""
        if not rows:
            return
        self.set_font("noto", size=SMALL + 1)
        count = len(head or rows[0])
        shares = tuple(widths or [1] * count)
        room = [self.epw * share / sum(shares) - 2 * _PADDING - 0.5 for share in shares]
        named_style = FontFace(color=_QUIET) if named else None
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=shares,
            headings_style=FontFace(emphasis="", fill_color=_SHADE),
            first_row_as_headings=bool(head),
            repeat_headings=TableHeadingsDisplay.ON_TOP_OF_EVERY_PAGE,
            line_height=5.2,
            padding=(0.9, _PADDING),
            text_align="LEFT",
        ) as table:
            if head:
                heading = table.row()
                for number, text in enumerate(head):
                    heading.cell(self._set(text, room[number]))
            for given in rows:
                check()
                row = table.row()
                for number, text in enumerate(given):
                    lines = self._set(text, room[number])
                    row.cell(lines, style=named_style if number == 0 else None)
        self.set_font("noto", size=BODY)
        self.ln(1.5)

    def signed(self, lines: Iterable[str]) -> None:
        """Write who issues the document and when, at the right."""
        self.ln(GAP)
        for text in lines:
            self.paragraph(text, align="R")

    def code(self, address: str, says: str) -> None:
        """Draw a QR code that leads to an address, with what it is for."""
        size = 26.0
        if self.will_page_break(size + GAP):
            self.add_page()
        x, y = MARGIN, self.get_y() + GAP
        matrix = [list(row) for row in segno.make(address, error="m", micro=False).matrix]
        module = size / len(matrix)
        self.set_fill_color(*_INK)
        for row, cells in enumerate(matrix):
            for start, length in _runs(cells):
                self.rect(x + start * module, y + row * module, length * module, module, "F")
        self.set_xy(x + size + GAP, y + 2)
        self.set_font("noto", size=SMALL)
        self.set_text_color(*_QUIET)
        self.multi_cell(self.epw - size - GAP, 4.5, written(f"{says}\n{address}"), align="L")
        self.set_text_color(*_INK)
        self.set_xy(MARGIN, y + size + GAP)

    def _set(self, text: str, width: float) -> str:
        """Return a text in the lines that it has in a width, in the present size."""
        return "\n".join(lines_of(written(text), width - 0.5, self._width_of))

    @property
    def _line_width(self) -> float:
        """The width that fpdf2 leaves for a line of text."""
        return self.epw - 2 * self.c_margin

    def _width_of(self, text: str) -> float:
        key = text, self.font_size_pt
        width = self._widths.get(key)
        if width is None:
            width = self._widths[key] = self.get_string_width(text)
        return width

    def made(self) -> bytes:
        """Return the document."""
        return bytes(self.output())


def _runs(cells: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Yield the runs of dark modules of a row: where each begins, and how long it is."""
    start: int | None = None
    for number, dark in enumerate((*cells, 0)):
        if dark and start is None:
            start = number
        elif not dark and start is not None:
            yield start, number - start
            start = None


def digest_of(content: bytes) -> str:
    """Return the digest by which two copies of a document's content can be compared."""
    return sha256(content).hexdigest()
