"""Text search in the rows of a view: any part of a Chinese name, and the initials of its pinyin.

Chinese is searched by two characters or even one, which neither FTS5's trigrams nor ``pg_trgm``
serve. A text index therefore consists of two further tables of the view:

- *texts*: what a row is found by, folded (``folded``), once for each of two audiences: what every
  reader of the row reads in it, and what only some do;
- *words*: for each place in such a text, the ``WIDTH`` characters from there, with the row's key.

A searched word is any text without spaces. It occurs where the range of words that begin with its
rarest ``WIDTH`` characters says, and the texts of these rows confirm it. A word that more than
``FEW`` rows contain is looked for in the texts of the rows as they come instead: then every page
fills quickly.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.general.documents import normal_form
from projections.tables import Code, Store, in_groups

#: Characters of a text that one row of the words holds.
WIDTH = 4

#: The most rows found by a word that are read and sorted; of more, the first in order are taken.
FEW = 2_000

#: The most words of a search, and the most parts of a word whose frequency is compared.
MAX_WORDS = 8
_PARTS = 16

#: The most characters of a text that are searched.
MAX_TEXT = 20_000

#: The brackets of document numbers, which people type as they can: 〔2026〕, [2026], (2026).
_BRACKETS = str.maketrans("〔〕[]【】", "()()()")


def search_key(name: str) -> str:
    """Return a name in its form for searching: NFKC-normalized and case-folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def folded(text: str) -> str:
    """Return a text as the index holds it: ``search_key`` with plain spaces and brackets."""
    return " ".join(search_key(text).translate(_BRACKETS).split())


@lru_cache(maxsize=20_000)
def initials(name: str) -> tuple[str, ...]:
    """Return the first letters of a Chinese name's pinyin; two readings where they differ.

    One reads whole words (银行 is *yh*), the other each character by itself.
    """
    # A name of other letters has no initials; it is searched as it is.
    if not any("\u3400" <= character <= "\U0003ffff" for character in name):
        return ()
    style, lazy_pinyin = _pinyin()
    name = folded(name)
    whole = "".join(lazy_pinyin(name, style=style))
    return tuple(dict.fromkeys((whole, "".join(map(_initial, name)))))


@cache
def _initial(character: str) -> str:
    style, lazy_pinyin = _pinyin()
    return "".join(lazy_pinyin(character, style=style))


@cache
def _pinyin() -> tuple[Any, Any]:
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - it loads its dictionaries

    return Style.FIRST_LETTER, lazy_pinyin


@cache
def reading() -> str:
    """Return the version of the readings of characters, on which the rows depend."""
    return f"pypinyin {version('pypinyin')}"


def named(*names: str | None) -> list[str]:
    """Return names with the initials of each, as the texts of a row."""
    return [text for name in names if name for text in (name, *initials(name))]


def numbered(*numbers: str | None) -> list[str]:
    """Return document numbers, each also in its normal form, as the texts of a row."""
    return [text for number in numbers if number for text in (number, normal_form(number))]


class Texts(NamedTuple):
    """What a row is found by: for every reader of the row, and for some only."""

    shown: Sequence[str] = ()
    kept: Sequence[str] = ()


class TextIndex:
    """The two tables by which the rows of a view are searched."""

    def __init__(self, name: str) -> None:
        metadata = sa.MetaData()
        self.texts = sa.Table(
            f"{name}_texts",
            metadata,
            sa.Column("key", Code, primary_key=True),
            #: Whether only some readers of the row read it.
            sa.Column("kept", sa.Boolean, primary_key=True),
            sa.Column("text", sa.Text, nullable=False),
            sqlite_with_rowid=False,
        )
        self.words = sa.Table(
            f"{name}_words",
            metadata,
            sa.Column("word", Code, primary_key=True),
            sa.Column("key", Code, primary_key=True),
            sqlite_with_rowid=False,
        )
        self.tables = (self.texts, self.words)

    def put(self, store: Store, rows: Mapping[str, Texts]) -> None:
        """Write what rows are found by; most events change nothing of it."""
        table = self.texts
        before: dict[str, dict[bool, str]] = {}
        for row in store.get(table, table.c.key, rows):
            before.setdefault(row.key, {})[row.kept] = row.text
        added: list[tuple[str, str]] = []
        texts: list[tuple[str, bool, str]] = []
        gone: list[str] = []
        removed: list[tuple[str, str]] = []
        for key, said in rows.items():
            now = {kept: text for kept in (False, True) if (text := _joined(said[kept]))}
            was = before.get(key, {})
            if now == was:
                continue
            texts.extend((key, kept, text) for kept, text in now.items())
            if was:
                gone.append(key)
            old, new = _words(was.values()), _words(now.values())
            added.extend((word, key) for word in sorted(new - old))
            removed.extend((word, key) for word in sorted(old - new))
        for some in in_groups(gone):
            store.connection.execute(sa.delete(table).where(table.c.key.in_(some)))
        for pairs in in_groups(removed):
            here = sa.tuple_(self.words.c.word, self.words.c.key)
            store.connection.execute(sa.delete(self.words).where(here.in_(pairs)))
        store.add(table, texts)
        store.add(self.words, added)

    def among(
        self, connection: Connection, words: Sequence[str], most: int
    ) -> sa.Select[tuple[str]] | None:
        """Return the keys of the rows with the rarest part of these words; ``None`` for too many.

        Rows with other words are among them: ``contains`` is the condition.
        """
        parts = dict.fromkeys(
            word[start : start + WIDTH]
            for word in words
            for start in range(max(1, len(word) - WIDTH + 1))
        )
        ranges = {part: self._range(part) for part in list(parts)[:_PARTS]}
        counts = connection.execute(
            sa.select(
                *(
                    sa.select(sa.func.count())
                    .select_from(keys.limit(most + 1).subquery())
                    .scalar_subquery()
                    for keys in ranges.values()
                )
            )
        ).one()
        number, part = min(zip(counts, ranges, strict=True))
        return ranges[part] if number <= most else None

    def _range(self, part: str) -> sa.Select[tuple[str]]:
        word = self.words.c.word
        if len(part) == WIDTH:
            return sa.select(self.words.c.key).where(word == part)
        return sa.select(self.words.c.key).where(word >= part, word < after(part))

    def contains(
        self, key: sa.ColumnElement[str], word: str, kept: sa.ColumnElement[bool]
    ) -> sa.ColumnElement[bool]:
        """Return the condition that the texts of the row with this key contain a word.

        ``kept``: the condition that the reader reads all texts of the row.
        """
        table = self.texts
        return sa.exists().where(
            table.c.key == key,
            table.c.text.contains(word, autoescape=True),
            sa.or_(table.c.kept.is_(False), kept),
        )


def words_of(q: str) -> list[str]:
    """Return the words of a search, each once."""
    return list(dict.fromkeys(folded(q).split()))


def _joined(texts: Iterable[str]) -> str:
    lines = dict.fromkeys(folded(text) for text in texts)
    return "\n".join(line for line in lines if line)[:MAX_TEXT]


def _words(texts: Collection[str]) -> set[str]:
    return {
        line[start : start + WIDTH]
        for text in texts
        for line in text.split("\n")
        for start in range(len(line))
        if line[start] != " "
    }


def after(prefix: str) -> str:
    """Return the first string by code point after all strings that begin with ``prefix``."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1])
        if code < 0x10FFFF:
            # Surrogates are not valid in text, so skip them.
            following = 0xE000 if code == 0xD7FF else code + 1
            return prefix[: end - 1] + chr(following)
    return "\U0010ffff" * (len(prefix) + 1)
