"""Text search: any part, initials, folded; the same rows as looking through every text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from projections.paging import Order, page_of
from projections.tables import Store, open_engine
from projections.words import TextIndex, Texts, folded, initials, named, numbered, words_of
from tests.examples import examples

INDEX = TextIndex("firms")
FIRMS = sa.Table("firms", sa.MetaData(), sa.Column("key", sa.Text, primary_key=True))

#: Few characters, so that parts of names occur in each other; some widths, cases and brackets.
LETTERS = st.sampled_from(list("兰州新区春禾商贸有限公司行长乐（）〔〕[]AaＡｂ09０ %_\\"))
NAMES = st.text(LETTERS, min_size=1, max_size=14)


def test_parts_initials_and_numbers() -> None:
    """What an index holds of a name and of a document number."""
    assert named("兰州新区春禾商贸") == ["兰州新区春禾商贸", "lzxqchsm"]
    # Two readings: of the word and of the character.
    assert initials("重庆银行") == ("cqyh", "zqyx")
    assert initials("Wan He") == ()
    assert named(None, "") == []
    assert numbered("兰新市监罚〔2026〕012号", None) == [
        "兰新市监罚〔2026〕012号",
        "兰新市监罚〔2026〕12号",
    ]
    assert {folded(text) for text in ("〔２０２６〕", "[2026]", "（2026）")} == {"(2026)"}
    assert words_of("  春禾 Ａ a 春禾 ") == ["春禾", "a"]


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = open_engine("sqlite://")
    with engine.connect() as opened, opened.begin():
        for table in (FIRMS, *INDEX.tables):
            table.create(opened)
        yield opened


def _found(connection: Connection, q: str, *, whole: bool, most: int = 2_000) -> list[str]:
    asked = words_of(q)
    kept = sa.true() if whole else sa.false()
    conditions = [INDEX.contains(FIRMS.c.key, word, kept) for word in asked]
    among = INDEX.among(connection, asked, most)
    return [
        row.key
        for row in page_of(connection, FIRMS, conditions, Order(FIRMS.c.key), 10_000, among=among)
    ]


TEXTS = st.dictionaries(
    st.integers(0, 20).map("K-{:02}".format),
    st.tuples(st.lists(NAMES, max_size=2), st.lists(NAMES, max_size=2)),
    max_size=12,
)


@examples(100)
@given(
    before=TEXTS,
    after=TEXTS,
    q=st.lists(NAMES, min_size=1, max_size=3),
    few=st.sampled_from([0, 2, 2_000]),
)
def test_a_search_finds_what_contains_every_word(
    before: dict[str, tuple[list[str], list[str]]],
    after: dict[str, tuple[list[str], list[str]]],
    q: list[str],
    few: int,
) -> None:
    """Rows that change, in one transaction or two; rare words and frequent ones."""
    text = " ".join(q)
    engine = open_engine("sqlite://")
    with engine.connect() as connection, connection.begin():
        for table in (FIRMS, *INDEX.tables):
            table.create(connection)
        store = Store(connection)
        texts = {**before, **after}
        store.add(FIRMS, [(key,) for key in texts])
        for rows in (before, after):
            INDEX.put(
                store, {key: Texts(named(*shown), kept) for key, (shown, kept) in rows.items()}
            )
        for whole in (False, True):
            if not words_of(text):
                continue
            wanted = sorted(
                key
                for key, (shown, kept) in texts.items()
                if all(
                    any(word in folded(line) for line in (*named(*shown), *(kept if whole else ())))
                    for word in words_of(text)
                )
            )
            assert _found(connection, text, whole=whole, most=few) == wanted


def test_rows_that_change_leave_nothing_behind(connection: Connection) -> None:
    """The words of a text that is gone are gone, and those of what stays are there once."""
    store = Store(connection)
    INDEX.put(store, {"K-1": Texts(named("春禾商贸"), ["密件"]), "K-2": Texts(["春禾"])})
    INDEX.put(store, {"K-1": Texts(["商贸"]), "K-2": Texts()})
    for table in INDEX.tables:
        rows = {tuple(row)[:2] for row in connection.execute(sa.select(table))}
        assert {key for row in rows for key in row if str(key).startswith("K-")} == {"K-1"}
    assert set(connection.execute(sa.select(INDEX.words.c.word)).scalars()) == {"商贸", "贸"}


def test_a_rare_word_reads_only_its_rows(connection: Connection) -> None:
    """However many rows there are, the database looks at those that have the rarest piece."""
    store = Store(connection)
    count = 3_000
    names = {
        f"K-{n:05}": f"兰州新区{'春禾' if n % 1_000 == 7 else '丰华'}商贸{n}" for n in range(count)
    }
    store.add(FIRMS, [(key,) for key in names])
    INDEX.put(store, {key: Texts(named(name)) for key, name in names.items()})
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    raw = connection.connection.driver_connection
    assert raw is not None
    raw.set_progress_handler(step, 1)
    for q in ("春禾", "lzxqch", "兰州新区春禾商贸"):
        steps = 0
        assert _found(connection, q, whole=True) == ["K-00007", "K-01007", "K-02007"]
        # Most of them count the rows with the frequent pieces, by index alone.
        assert steps < 12 * count, q
    raw.set_progress_handler(None, 1)
