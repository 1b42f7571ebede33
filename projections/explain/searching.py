"""Search events by several conditions, newest first, among those that a reader may see.

The index of trails (``projections.explain.trailindex``) has a range of rows for each subject or
facet and audience. A search with a rare condition reads its few rows and looks the other conditions
up for each. If all conditions are frequent, the positions that they have in common are found block
by block, from the newest on; a single frequent condition is followed row by row. All these rows are
of the reader's own audiences, so the hits, the end of a page and the cost depend only on what the
reader may see (rulebook 2.17).
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import chain, product
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.kernel import budget
from ledger.kernel.events import event_types
from projections.explain.trailindex import (
    BLOCK,
    BLOCKS,
    DENSE,
    EVERYTHING,
    NAMES,
    TRAILS,
    WORDS,
    Reader,
    Trails,
    as_bits,
    audiences_in,
    facet,
    microseconds,
    named,
    numbered,
    words_key,
)
from projections.follower import Views
from projections.tables import Connection

#: The most rows of one range that are examined for one page, if few of them fit the search.
MAX_LOOK = 200_000

#: The most blocks with rows of the first condition that are examined for one page.
MAX_BLOCKS = 128

#: Blocks of a condition read at a time.
_BLOCKS = 16

#: The most positions of a block that are looked up one by one; beyond, the range is followed.
_MANY = 1_024

#: The most rows counted per condition when the rarest one is sought.
_COUNTED = 4_000

#: Rows of a range examined at a time: the first number, the factor of growth, the largest number.
_FEWEST, _GROWTH, _MOST = 64, 8, 32_768

#: The most subjects whose ranges are merged; beyond, the range of all events is filtered.
_RANGES = 4

#: No name has this number.
_NONE = -1

Condition = sa.ColumnElement[bool]


class Wanted(msgspec.Struct, frozen=True):
    """The conditions of a search; an event must meet all of them.

    ``about``: tags of its subjects; ``actor:<person>`` finds what a person recorded. ``facets``:
    names made by ``facet``. ``any_of``: of each of these groups of tags and facets it has one.
    ``none_of``: it has none of these tags and facets. ``policy``: a key, of which the event names
    any version. ``types``: its type is one of these; ``filing.*`` stands for all types that begin
    with ``filing.``. ``since`` and ``until``: the first and last civil day on which it happened.
    ``low`` and ``high``: the first and last position. ``words``: each occurs in one of its free
    texts. ``no_words``: none of these does.
    """

    about: tuple[str, ...] = ()
    facets: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    none_of: tuple[str, ...] = ()
    policy: str | None = None
    types: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    low: int = 1
    high: int | None = None
    known_as_of: datetime | None = None
    words: tuple[str, ...] = ()
    no_words: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """A page of hits, newest first.

    ``next_before``: the position before which the next page begins, if there may be more. ``place``
    is the position that the index has reached.
    """

    positions: list[int]
    next_before: int | None
    place: int


class _Row(msgspec.Struct, frozen=True):
    """A row of a range that fits, or with ``cut`` the last one examined, whether it fits or not."""

    position: int
    cut: bool = False


def search(
    views: Views, wanted: Wanted, reader: Reader, *, before: int | None = None, limit: int = 50
) -> Found:
    """Return the newest hits before a position, at most ``limit``."""
    with views.reading() as connection:
        place = views.place(connection, Trails.name)
        top = min(n for n in (before, None if wanted.high is None else wanted.high + 1, place + 1)
                  if n is not None)  # fmt: skip
        positions: list[int] = []
        for row in _Search(connection, wanted, reader, limit, place).hits(top):
            if row.cut:
                return Found(positions, row.position, place)
            if len(positions) == limit:
                return Found(positions, positions[-1], place)
            positions.append(row.position)
    return Found(positions, None, place)


def topics_of(types: Collection[str]) -> list[str]:
    """Return the event types that are meant; ``filing.*`` means all that begin with ``filing.``."""
    topics: dict[str, None] = {}
    for given in types:
        if given.endswith("*"):
            start = given.removesuffix("*")
            topics.update(dict.fromkeys(t for t in sorted(event_types()) if t.startswith(start)))
        else:
            topics[given] = None
    return list(topics)


class _Search:
    """One search inside one read transaction."""

    def __init__(
        self, connection: Connection, wanted: Wanted, reader: Reader, limit: int, place: int
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._limit = limit
        self._place = place
        topics = topics_of(wanted.types)
        groups = [*((name,) for name in (*wanted.about, *wanted.facets)), *wanted.any_of]
        ids = numbered(
            connection,
            {
                EVERYTHING,
                *chain.from_iterable(groups),
                *wanted.none_of,
                *topics,
                *(facet("type", t) for t in topics),
                *named(reader),
            },
        )
        self._everything = ids.get(EVERYTHING, _NONE)
        self._audiences = audiences_in(connection, reader, ids, self._everything)
        #: For each condition the numbers of the names of which an event must have one. An unknown
        #: name is looked up like any other, so that the time does not tell it from a hidden one.
        self._groups = [[ids.get(name, _NONE) for name in group] for group in groups]
        self._none_of = [ids.get(name, _NONE) for name in wanted.none_of]
        if wanted.policy is not None:
            self._groups.append(self._versions(wanted.policy) or [_NONE])
        self._types = [ids.get(t, _NONE) for t in topics]
        self._of_type = [ids.get(facet("type", t), _NONE) for t in topics]
        if wanted.types and not topics:
            self._types = self._of_type = [_NONE]
        self._words = [word for word in map(words_key, wanted.words) if word]
        self._no_words = [word for word in map(words_key, wanted.no_words) if word]

    def hits(self, top: int) -> Iterator[_Row]:
        """Yield the rows that fit and come before a position, newest first, each once."""
        lead, others, is_rare = self._lead(top)
        if is_rare:
            yield from self._few(lead, others, top)
            return
        if lead and len(self._groups) > 1:
            yield from self._crossed(self._groups, top)
            return
        scans: list[Iterator[_Row]]
        if not lead:
            query = self._of_words(others)
            scans = [self._scan(WORDS, query, {"audience": a}, top) for a in self._audiences]
        else:
            query = self._of_trails(others, typed=lead is not self._of_type).where(
                TRAILS.c.subject == sa.bindparam("subject")
            )
            scans = [
                self._scan(TRAILS, query, {"audience": a, "subject": subject}, top)
                for subject in lead
                for a in self._audiences
            ]
        last = top
        for row in heapq.merge(*scans, key=lambda row: (-row.position, row.cut)):
            if row.position < last or row.cut:
                last = row.position
                yield row

    def _lead(self, top: int) -> tuple[list[int], list[list[int]], bool]:
        """Return the condition with the fewest rows, the other ones, and whether it has few rows.

        No condition stands for the texts, which are followed if every other one has many rows.
        """
        groups = [*self._groups, *([self._of_type] if self._types else [])]
        counts = [self._count(group, top) for group in groups]
        fewest = min(counts, default=_COUNTED)
        if self._words and fewest >= _COUNTED:
            return [], self._groups, False
        if not groups:
            return [self._everything], [], False
        # The row of an event has its type: it is followed only if nothing else is asked.
        frequent = fewest >= _COUNTED and self._groups
        lead = self._groups[0] if frequent else groups[counts.index(fewest)]
        if fewest >= _COUNTED and len(lead) > _RANGES:
            lead = [self._everything]
        others = [group for group in self._groups if group is not lead]
        return lead, others, fewest < _COUNTED

    def _few(
        self, lead: Sequence[int], others: Any, top: int, *further: Condition
    ) -> Iterator[_Row]:
        """Yield the rows of a condition that has few, in one question."""
        query = self._of_trails(others, typed=True).where(
            TRAILS.c.subject.in_(lead),
            TRAILS.c.audience.in_(self._audiences),
            TRAILS.c.position < top,
            TRAILS.c.position >= self._wanted.low,
            *further,
        )
        query = query.distinct().order_by(TRAILS.c.position.desc()).limit(self._limit + 1)
        for position in self._connection.execute(query).scalars():
            yield _Row(position)

    def _crossed(self, groups: Sequence[list[int]], top: int) -> Iterator[_Row]:
        """Yield the rows that meet several frequent conditions, block by block."""
        looked = 0
        blocks = [_Blocks(self._connection, group, self._audiences, top) for group in groups]
        for block in range((top - 1) // BLOCK, self._wanted.low // BLOCK - 1, -1):
            budget.check()
            first = block * BLOCK
            if first + BLOCK - 1 > self._place:
                # The newest block is not complete.
                yield from self._few(groups[0], groups[1:], top, TRAILS.c.position >= first)
                continue
            lead = blocks[0].bits(block)
            if not lead:
                continue
            common = lead
            for other in blocks[1:]:
                common &= other.bits(block)
                if not common:
                    break
            if top < first + BLOCK:
                common &= (1 << (top - first)) - 1
            yield from self._of_block(groups, first, common, top)
            looked += 1
            if looked == MAX_BLOCKS:
                yield _Row(first + (lead & -lead).bit_length() - 1, cut=True)
                return

    def _of_block(
        self, groups: Sequence[list[int]], first: int, common: int, top: int
    ) -> Iterator[_Row]:
        """Yield the rows at the positions of a block that all conditions have in common."""
        position = TRAILS.c.position
        if common.bit_count() > _MANY:
            yield from self._few(groups[0], groups[1:], min(top, first + BLOCK), position >= first)
            return
        offsets = []
        while common:
            offsets.append(common.bit_length() - 1)
            common ^= 1 << offsets[-1]
        if offsets:
            # They meet the conditions, but perhaps not the days and the words.
            some = position.in_([first + offset for offset in offsets])
            yield from self._few(groups[0], (), top, some)

    def _count(self, group: Sequence[int], top: int) -> int:
        rows = (
            sa.select(sa.literal(1))
            .select_from(TRAILS)
            .where(
                TRAILS.c.subject.in_(group),
                TRAILS.c.audience.in_(self._audiences),
                TRAILS.c.position < top,
                TRAILS.c.position >= self._wanted.low,
            )
            .limit(_COUNTED)
        )
        query = sa.select(sa.func.count()).select_from(rows.subquery())
        return int(self._connection.execute(query).scalar_one())

    def _versions(self, key: str) -> list[int]:
        """Return the numbers of the facets of all versions of a policy."""
        start = facet("policy", f"{key}@")
        query = sa.select(NAMES.c.id).where(NAMES.c.name >= start, NAMES.c.name < start[:-1] + "A")
        return list(self._connection.execute(query).scalars())

    def _of_trails(self, others: Sequence[Sequence[int]], *, typed: bool) -> sa.Select[Any]:
        """Return the query for the rows of a range of trails that fit."""
        conditions = [*self._fits(TRAILS, typed=typed), *self._has(TRAILS.c.position, others)]
        if self._words:
            text = WORDS.alias()
            conditions.append(
                sa.exists().where(
                    text.c.audience.in_(self._audiences),
                    text.c.position == TRAILS.c.position,
                    *self._contains(text),
                )
            )
        return sa.select(TRAILS.c.position).where(*conditions)

    def _of_words(self, others: Sequence[Sequence[int]]) -> sa.Select[Any]:
        """Return the query for the rows of a range of texts that fit."""
        conditions = [*self._contains(WORDS), *self._has(WORDS.c.position, others)]
        event = TRAILS.alias()
        if fits := self._fits(event, typed=True):
            conditions.append(
                sa.exists().where(
                    event.c.subject == self._everything,
                    event.c.audience == WORDS.c.audience,
                    event.c.position == WORDS.c.position,
                    *fits,
                )
            )
        return sa.select(WORDS.c.position).where(*conditions)

    def _fits(self, event: Any, *, typed: bool) -> list[Condition]:
        """Return the conditions on type and time."""
        wanted = self._wanted
        # An event that this program cannot read is never a hit.
        conditions: list[Condition] = [] if event is not TRAILS else [event.c.day.is_not(None)]
        if typed and self._types:
            conditions.append(event.c.type.in_(self._types))
        if wanted.since is not None:
            conditions.append(event.c.day >= wanted.since.toordinal())
        if wanted.until is not None:
            conditions.append(event.c.day <= wanted.until.toordinal())
        if wanted.known_as_of is not None:
            conditions.append(event.c.known_at <= microseconds(wanted.known_as_of))
        return conditions

    def _has(self, position: sa.ColumnElement[int], groups: Any) -> Iterator[Condition]:
        """Yield for each condition that the event at a position meets it."""
        for group in groups:
            yield self._is_of(position, group)
        if self._none_of:
            yield ~self._is_of(position, self._none_of)
        for word in self._no_words:
            text = WORDS.alias()
            yield ~sa.exists().where(
                text.c.audience.in_(self._audiences),
                text.c.position == position,
                text.c.text.contains(word, autoescape=True),
            )

    def _is_of(self, position: sa.ColumnElement[int], names: Sequence[int]) -> Condition:
        """Return the condition that the event at a position has one of these names.

        The reader's audiences alone are asked: whether a hidden name is there changes nothing.
        """
        other = TRAILS.alias()
        return sa.exists().where(
            other.c.subject.in_(names),
            other.c.audience.in_(self._audiences),
            other.c.position == position,
        )

    def _contains(self, texts: Any) -> list[Condition]:
        return [texts.c.text.contains(word, autoescape=True) for word in self._words]

    def _scan(
        self, table: sa.Table, query: sa.Select[Any], of: dict[str, int], top: int
    ) -> Iterator[_Row]:
        """Yield the rows of one range that fit, newest first, and a cut after ``MAX_LOOK`` rows."""
        within = [table.c[name] == sa.bindparam(name) for name in of]
        within += [
            table.c.position < sa.bindparam("top"),
            table.c.position >= sa.bindparam("bottom"),
        ]
        rows = (
            query.where(*(condition for condition in within))
            .order_by(table.c.position.desc())
            .limit(self._limit + 1)
        )
        edges = (
            sa.select(table.c.position)
            .where(*within)
            .order_by(table.c.position.desc())
            .limit(1)
            .offset(sa.bindparam("size"))
        )
        size, looked, low = _FEWEST, 0, self._wanted.low
        while True:
            bounds = {**of, "top": top, "bottom": low}
            edge = self._connection.execute(edges, {**bounds, "size": size - 1}).scalar()
            bounds["bottom"] = low if edge is None else edge
            for position in self._connection.execute(rows, bounds).scalars():
                yield _Row(position)
            if edge is None:
                return
            top, looked = edge, looked + size
            if looked >= MAX_LOOK:
                yield _Row(edge, cut=True)
                return
            size = min(_GROWTH * size, _MOST)


class _Blocks:
    """The positions of one condition, block by block from the newest on."""

    def __init__(
        self, connection: Connection, group: Sequence[int], audiences: Sequence[int], top: int
    ) -> None:
        self._connection = connection
        #: The positions of short ranges, and the ranges that are read block by block.
        self._short: dict[int, list[int]] = {}
        self._long: set[tuple[int, int]] = set()
        self._dense: dict[int, dict[tuple[int, int], bytes]] = {}
        self._lowest: int | None = None
        for pair in product(group, audiences):
            positions = self._positions(pair, 0, top - 1, DENSE + 1)
            if len(positions) > DENSE:
                self._long.add(pair)
                continue
            for position in positions:
                self._short.setdefault(position // BLOCK, []).append(position % BLOCK)

    def bits(self, block: int) -> int:
        """Return the positions within a block as bits."""
        dense = self._blocks(block)
        bits = int.from_bytes(as_bits(self._short.get(block, ())), "little")
        for pair in self._long:
            if (held := dense.get(pair)) is None:
                first = block * BLOCK
                positions = self._positions(pair, first, first + BLOCK - 1, BLOCK)
                held = as_bits(position - first for position in positions)
            bits |= int.from_bytes(held, "little")
        return bits

    def _blocks(self, block: int) -> Mapping[tuple[int, int], bytes]:
        """Return the bits of long ranges that are stored for a block."""
        if self._lowest is None or block < self._lowest:
            self._lowest = max(0, block - _BLOCKS + 1)
            self._dense = {}
            query = sa.select(BLOCKS).where(
                BLOCKS.c.subject.in_({subject for subject, _ in self._long}),
                BLOCKS.c.audience.in_({audience for _, audience in self._long}),
                BLOCKS.c.block.between(self._lowest, block),
            )
            for row in self._connection.execute(query) if self._long else ():
                pair = row.subject, row.audience
                self._dense.setdefault(row.block, {})[pair] = row.bits
        return self._dense.get(block, {})

    def _positions(self, pair: tuple[int, int], first: int, last: int, most: int) -> Sequence[int]:
        bounds = {"subject": pair[0], "audience": pair[1], "first": first, "last": last}
        return self._connection.execute(_WITHIN, {**bounds, "most": most}).scalars().all()


_WITHIN = (
    sa.select(TRAILS.c.position)
    .where(
        TRAILS.c.subject == sa.bindparam("subject"),
        TRAILS.c.audience == sa.bindparam("audience"),
        TRAILS.c.position.between(sa.bindparam("first"), sa.bindparam("last")),
    )
    .limit(sa.bindparam("most"))
)

__all__ = ["Found", "Wanted", "search", "topics_of"]
