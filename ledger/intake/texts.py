"""Text files of a register: their encoding, their lines, and what separates their cells.

The encoding is a property of the file and is found once: a byte order mark, else what was said,
else UTF-8, else GB18030. A line ends in CR, LF or both, also mixed in one file.
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

#: A row of more lines than this is a quotation mark that was never closed.
MAX_LINES_OF_A_ROW = 50

#: No line of a register is longer; a longer one would fill the memory.
MAX_LINE = 4 << 20

#: What separates cells, in the order in which it is tried.
DELIMITERS = (",", "\t", ";", "|", "，")

_CHUNK = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: The first bytes of the common characters of Big5.
_COMMON_BIG5 = range(0xA4, 0xC7)
#: Lines that are looked at to tell GB18030 from what merely could be it.
_LOOKED_AT = 2000


#: An open file: what it has so far is read, not waited for, so that a break costs no row before it.
Bytes = io.BufferedReader | gzip.GzipFile


class TextError(Exception):
    """A text file that cannot be read, in words that follow the file's name."""


class Encoding(NamedTuple):
    """The encoding of a file: its name, how it was found, and the length of its byte order mark."""

    name: str
    found: str
    mark: int = 0

    @property
    def wide(self) -> bool:
        """Whether a line end is more than one byte in it."""
        return self.name.startswith(("utf-16", "utf-32"))

    @property
    def shown(self) -> str:
        """Its name as people write it."""
        return self.name.upper()


class RawRow(NamedTuple):
    """One row of a text file: its first line, its bytes, its cells, and what is wrong with it."""

    line: int
    raw: bytes
    values: list[str]
    fault: tuple[str, str] | None


def open_text(path: Path) -> Bytes:
    """The bytes of a file, unpacked if they are packed. Raises ``OSError``.

    By its first bytes and not by its name: a file renamed on the way is still what it is.
    """
    file = path.open("rb")
    start = file.read(2)
    file.seek(0)
    if start == b"\x1f\x8b":
        file.close()
        return gzip.GzipFile(path)
    return file


def codec_of(name: str) -> str:
    """The one spelling of an encoding's name. Raises ``TextError`` for one that is not known."""
    try:
        known = codecs.lookup(name)
    except LookupError:
        known = None
    if known is None or not getattr(known, "_is_text_encoding", True):
        raise TextError(
            "cannot be read so: --encoding must name a text encoding, such as utf-8 or gb18030; "
            f"it is {name!r}"
        )
    return "gb18030" if known.name in {"gbk", "gb2312"} else known.name


def encoding_of(path: Path, said: str | None) -> Encoding:
    """The encoding of a file. Raises ``TextError`` and what reading the file raises."""
    with open_text(path) as file:
        start = file.read(4)
        for mark, name in _MARKS:
            if start.startswith(mark):
                return Encoding(name, "byte order mark", len(mark))
        if said is not None:
            return Encoding(codec_of(said), "as told")
        if b"\0" in start:
            raise TextError(
                "seems to be UTF-16 without a byte order mark; name its encoding with --encoding, "
                "such as utf-16-le, or save it as UTF-8"
            )
    with open_text(path) as file:
        return _guess(lines_of(chunks_of(file, None)))


def _guess(lines: Iterable[bytes]) -> Encoding:
    """UTF-8 if the file is that; else GB18030 if most of it reads as Chinese; else UTF-8 still.

    In the last case the lines that are not UTF-8 are refused one by one.
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
        pass  # the rows before the break are imported, and then it is said
    if bad == 0:
        return Encoding("utf-8", "found")
    if bad > good and common > other:
        return Encoding("gb18030", "found")
    return Encoding("utf-8", "supposed")


def _chinese(line: bytes) -> tuple[int, int]:
    """How many characters of a line, read as GB18030, are usual ones, and how many are not."""
    signs = [_sign(c) for c in line.decode("gb18030", errors="replace") if not c.isascii()]
    return signs.count(1), signs.count(-1)


@lru_cache(maxsize=16_384)
def _sign(character: str) -> int:
    """Whether a character is a sign of Chinese (1), of another encoding (-1), or of neither (0)."""
    try:
        return 1 if character.encode("gb2312") else 0
    except UnicodeEncodeError:
        stored = character.encode("gb18030", errors="replace")
    if len(stored) == 4:
        # No other encoding's text reads so; the sign of what is no character is not one of them.
        return -1 if character == "\ufffd" else 1
    if character.encode("big5", errors="replace")[0] not in _COMMON_BIG5:
        return -1
    # A common one of traditional Chinese; but an accented letter of a western encoding takes the
    # ASCII letter behind it for the second half of a character, too.
    return 0 if stored[-1] < 0x80 else 1


def chunks_of(file: Bytes, encoding: Encoding | None) -> Iterator[bytes]:
    """The bytes of a file behind its byte order mark; as UTF-8 where its encoding is wide."""
    if encoding is not None:
        file.read(encoding.mark)
        if encoding.wide:
            decode = codecs.getincrementaldecoder(encoding.name)().decode
            try:
                while chunk := file.read1(_CHUNK):
                    yield decode(chunk).encode(errors="surrogatepass")
                yield decode(b"", True).encode()
            except UnicodeDecodeError as error:
                raise TextError(f"is not {encoding.shown} as its start says") from error
            return
    while chunk := file.read1(_CHUNK):
        yield chunk


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file with their ends. Raises ``TextError`` where one has no end."""
    rest = b""
    for chunk in chunks:
        # The line end that a chunk ends in may be the first half of one.
        lines = (rest + chunk).splitlines(keepends=True)
        rest = lines.pop() if lines else b""
        if len(rest) > MAX_LINE:
            raise TextError(f"has a line of more than {MAX_LINE >> 20} MiB, which is no row")
        yield from lines
    yield from rest.splitlines(keepends=True)


class _Runaway(Exception):
    """More lines than a row can have."""


class _Lines:
    """The lines of a file as text, remembering which of them the row being read took."""

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
        """Let all lines but the first of this row be read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def next_row(self) -> None:
        """Begin to remember anew."""
        self.taken = []
        self.garbled = False


def rows_of(file: Bytes, encoding: Encoding, delimiter: str, header: int = 1) -> Iterator[RawRow]:
    """The rows of a text file, blank ones included, as lists without cells.

    The row on line ``header`` says how many cells a row has. Raises ``TextError`` where the file
    breaks off.
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
                "cannot be read: a quotation mark stands where none may, or a cell is too long",
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
            # The quotation mark that opened here swallowed rows that are none of its own.
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
