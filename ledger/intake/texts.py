"""Text files of a register: their encoding, their lines and their separators.

The encoding is found once per file: by a byte order mark, else from the user's option, else UTF-8,
else GB18030. A line ends in CR, LF or both, which may be mixed in one file.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

#: A row with more lines than this has a quotation mark that was never closed.
MAX_LINES_OF_A_ROW = 50

#: The longest accepted line, in bytes; a longer one could fill the memory.
MAX_LINE = 4 << 20

#: The separators of cells, in the order in which they are tried.
DELIMITERS = (",", "\t", ";", "|", "，")

_CHUNK = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: The first bytes of common characters in Big5.
_COMMON_BIG5 = range(0xA4, 0xC7)
#: The most lines examined to decide whether a file is GB18030.
_LOOKED_AT = 2000


#: An open file. Reads do not wait for a full buffer, so a truncated file loses no earlier row.
Bytes = io.BufferedReader | gzip.GzipFile


class TextError(Exception):
    """A text file that cannot be read; the message continues after the file's name."""


class Encoding(NamedTuple):
    """The encoding of a file: its name, how it was found, and the length of its byte order mark."""

    name: str
    found: str
    mark: int = 0

    @property
    def wide(self) -> bool:
        """Whether a line end takes more than one byte."""
        return self.name.startswith(("utf-16", "utf-32"))

    @property
    def shown(self) -> str:
        """The name as people write it."""
        return self.name.upper()


class RawRow(NamedTuple):
    """One row of a text file: its first line, its bytes, its cells, and its fault if it has one."""

    line: int
    raw: bytes
    values: list[str]
    fault: tuple[str, str] | None


def open_text(path: Path) -> Bytes:
    """Open a file, uncompressed if it is compressed. Raises ``OSError``.

    The first bytes decide, not the name, because files are renamed.
    """
    file = path.open("rb")
    start = file.read(2)
    file.seek(0)
    if start == b"\x1f\x8b":
        file.close()
        return gzip.GzipFile(path)
    return file


def codec_of(name: str) -> str:
    """Return the canonical name of an encoding. Raises ``TextError`` if it is unknown."""
    try:
        known = codecs.lookup(name)
    except LookupError:
        known = None
    if known is None or not getattr(known, "_is_text_encoding", True):
        raise TextError(
            "cannot be read: --encoding must name a text encoding, such as utf-8 or gb18030; "
            f"it is {name!r}"
        )
    return "gb18030" if known.name in {"gbk", "gb2312"} else known.name


def encoding_of(path: Path, given: str | None) -> Encoding:
    """Return the encoding of a file. Raises ``TextError``, or the error of reading the file."""
    with open_text(path) as file:
        start = file.read(4)
        for mark, name in _MARKS:
            if start.startswith(mark):
                return Encoding(name, "byte order mark", len(mark))
        if given is not None:
            return Encoding(codec_of(given), "as told")
        if b"\0" in start:
            raise TextError(
                "seems to be UTF-16 without a byte order mark; name its encoding with --encoding, "
                "such as utf-16-le, or save it as UTF-8"
            )
    with open_text(path) as file:
        return _guess(lines_of(chunks_of(file, None)))


def _guess(lines: Iterable[bytes]) -> Encoding:
    """Return UTF-8 if all lines are valid; else GB18030 if most are Chinese; else UTF-8.

    In the last case, the lines that are not UTF-8 are refused one by one.
    """
    good = bad = common = other = 0
    try:
        for line in lines:
            if line.isascii():
                continue
            try:
                line.decode()
                good += 1
            except UnicodeDecodeError:
                bad += 1
                if bad <= _LOOKED_AT:
                    usual, rare = _chinese(line)
                    common, other = common + usual, other + rare
    except (EOFError, OSError, zlib.error):
        pass  # the rows before the break are imported; the import then reports the break
    if bad == 0:
        return Encoding("utf-8", "found")
    if bad > good and common > other:
        return Encoding("gb18030", "found")
    return Encoding("utf-8", "supposed")


def _chinese(line: bytes) -> tuple[int, int]:
    """Return how many characters of a line, read as GB18030, are common, and how many are not."""
    signs = [_sign(c) for c in line.decode("gb18030", errors="replace") if not c.isascii()]
    return signs.count(1), signs.count(-1)


@lru_cache(maxsize=16_384)
def _sign(character: str) -> int:
    """Return 1 if a character suggests GB18030, -1 if another encoding, and 0 if neither."""
    try:
        return 1 if character.encode("gb2312") else 0
    except UnicodeEncodeError:
        stored = character.encode("gb18030", errors="replace")
    if len(stored) == 4:
        # Text in another encoding does not give such characters, except the replacement character.
        return -1 if character == "\ufffd" else 1
    if character.encode("big5", errors="replace")[0] not in _COMMON_BIG5:
        return -1
    # A common traditional character. But a western accented letter followed by an ASCII letter can
    # look the same; the second byte below 0x80 reveals that.
    return 0 if stored[-1] < 0x80 else 1


def chunks_of(file: Bytes, encoding: Encoding | None) -> Iterator[bytes]:
    """Yield the bytes of a file after its byte order mark, as UTF-8 if its encoding is wide."""
    if encoding is not None:
        file.read(encoding.mark)
        if encoding.wide:
            decode = codecs.getincrementaldecoder(encoding.name)().decode
            try:
                while chunk := file.read1(_CHUNK):
                    yield decode(chunk).encode(errors="surrogatepass")
                yield decode(b"", True).encode()
            except UnicodeDecodeError as error:
                raise TextError(
                    f"must be {encoding.shown} throughout, as its byte order mark says; it is not"
                ) from error
            return
    while chunk := file.read1(_CHUNK):
        yield chunk


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file with their line ends. Raises ``TextError`` for an endless line."""
    rest = b""
    for chunk in chunks:
        # A chunk may end between CR and LF.
        lines = (rest + chunk).splitlines(keepends=True)
        rest = lines.pop() if lines else b""
        if len(rest) > MAX_LINE:
            raise TextError(
                f"has a line of more than {MAX_LINE >> 20} MiB, which is too long for a row"
            )
        yield from lines
    yield from rest.splitlines(keepends=True)


class _Runaway(Exception):
    """A row has more lines than allowed."""


class _Lines:
    """The lines of a file as text; it remembers the lines that the current row has taken."""

    def __init__(self, lines: Iterator[bytes], encoding: str) -> None:
        self.taken: list[bytes] = []
        self.garbled = False
        self._lines = lines
        self._encoding = encoding
        self._again: deque[bytes] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES_OF_A_ROW:
            raise _Runaway
        raw = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(raw)
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            self.garbled = True
            return raw.decode(self._encoding, errors="replace")

    def give_back(self) -> None:
        """Read all lines of this row except the first again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def next_row(self) -> None:
        """Forget the lines of the previous row."""
        self.taken = []
        self.garbled = False


def rows_of(file: Bytes, encoding: Encoding, delimiter: str, header: int = 1) -> Iterator[RawRow]:
    """Yield the rows of a text file; a blank row has no cells.

    The row on line ``header`` gives the number of cells of a row. Raises ``TextError`` where the
    file breaks off.
    """
    name = "utf-8" if encoding.wide else encoding.name
    lines = _Lines(lines_of(chunks_of(file, encoding)), name)
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    width = 0
    line = 1
    while True:
        fault = None
        values: list[str] = []
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fault = (
                "not-csv",
                "cannot be read: a quotation mark is misplaced, or a cell is too long",
            )
        except _Runaway:
            fault = (
                "open-quotation",
                f"a quotation mark is not closed within {MAX_LINES_OF_A_ROW} lines",
            )
        except (EOFError, OSError, zlib.error) as error:
            raise TextError(
                f"breaks off after line {line - 1}. Fetch the file again; the rows before are "
                "imported and will not be imported twice"
            ) from error
        taken = lines.taken
        if len(taken) > 1 and (fault or (width and len(values) != width)):
            # The quotation mark that opened here swallowed the following rows.
            lines.give_back()
            fault = fault or ("open-quotation", "a quotation mark is not closed")
        if lines.garbled:
            fault = (
                f"not-{encoding.name}",
                (
                    f"is not {encoding.shown}; save the file as UTF-8, or name its encoding with "
                    "--encoding"
                ),
            )
        yield RawRow(line, b"".join(taken).rstrip(b"\r\n"), values, fault)
        if line >= header:
            width = width or len(values)
        line += len(taken)
        lines.next_row()
