"""Both stores against the library's contract and against its in-memory recorder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBRecorder,
)
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.dcb.tests import DCBRecorderTestCase
from eventsourcing.persistence import IntegrityError
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.stores import recorder as reading
from ledger.stores import sqlite
from ledger.stores.postgres import PostgresRecorder
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.sqlite import SQLiteRecorder
from tests.examples import examples
from tests.postgres import PostgresServer

#: Opens an empty store.
New = Callable[[], AbstractContextManager[LedgerRecorder]]

STORES = ("sqlite", "postgres")


@pytest.fixture(params=STORES)
def new(request: pytest.FixtureRequest) -> New:
    @contextmanager
    def in_file() -> Iterator[LedgerRecorder]:
        with tempfile.TemporaryDirectory() as folder, SQLiteRecorder(Path(folder) / "l") as opened:
            yield opened

    @contextmanager
    def on_server() -> Iterator[LedgerRecorder]:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url, PostgresRecorder(url) as opened:
            yield opened

    return in_file if request.param == "sqlite" else on_server


class _Contract(DCBRecorderTestCase):
    def runTest(self) -> None:
        """Exist, so that an instance can be made."""


def test_append_and_read(new: New) -> None:
    """The library's own append and read contract holds."""
    with new() as recorder:
        _Contract()._test_append_read(recorder)


def test_append_and_subscribe(new: New) -> None:
    """The library's own subscription contract holds."""
    with new() as recorder:
        _Contract()._test_append_subscribe(recorder)


names = st.sampled_from(["a", "b", "c", "d", "税", 'q"\\\n', "{,}", ""])
events = st.builds(
    DCBEvent, type=names, data=st.binary(max_size=8), tags=st.lists(names, max_size=4)
)
items = st.builds(DCBQueryItem, types=st.lists(names, max_size=3), tags=st.lists(names, max_size=3))
queries = st.none() | st.builds(DCBQuery, items=st.lists(items, max_size=4))
afters = st.none() | st.integers(-1, 25)
limits = st.none() | st.integers(-1, 25)
conditions = st.builds(
    DCBAppendCondition,
    fail_if_events_match=st.builds(DCBQuery, items=st.lists(items, max_size=4)),
    after=afters,
)


def recorded(recorder: DCBRecorder, *args: object, **kwargs: object) -> object:
    response = recorder.read(*args, **kwargs)  # type: ignore[arg-type]
    return list(response), response.head


@pytest.mark.parametrize(("page", "terms"), [(100, 50), (2, 1)], ids=["one page", "many pages"])
@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(events, min_size=1, max_size=6), max_size=5),
    reads=st.lists(st.tuples(queries, afters, limits), min_size=1, max_size=8),
    attempts=st.lists(st.tuples(events, st.none() | conditions), max_size=4),
)
def test_equals_the_reference(
    new: New,
    page: int,
    terms: int,
    batches: list[list[DCBEvent]],
    reads: list[tuple[DCBQuery | None, int | None, int | None]],
    attempts: list[tuple[DCBEvent, DCBAppendCondition | None]],
) -> None:
    """Every read and every conditional append ends as on the library's in-memory recorder."""
    reference = InMemoryDCBRecorder()
    with pytest.MonkeyPatch.context() as patch, new() as recorder:
        for module in (reading, sqlite):
            patch.setattr(module, "FIRST_PAGE", page - 1)
        patch.setattr(reading, "PAGE", page)
        patch.setattr(sqlite, "TERMS", terms)
        for batch in batches:
            assert recorder.append(batch) == reference.append(batch)
        for event, condition in attempts:
            outcomes: list[object] = []
            for each in (recorder, reference):
                try:
                    outcomes.append(each.append([event], condition))
                except IntegrityError:
                    outcomes.append(IntegrityError)
            assert outcomes[0] == outcomes[1]
        for wanted, after, limit in reads:
            expected = recorded(reference, wanted, after=after, limit=limit)
            assert recorded(recorder, wanted, after=after, limit=limit) == expected
            shown = recorder.acknowledged()  # nothing is held back without standbys
            assert recorded(shown, wanted, after=after, limit=limit) == expected
        assert recorder.head() == len(reference.events)
        rows = recorder.rows(0, 100)
        assert [row.leaf for row in rows] == [sha256(b"\0" + r.data).digest() for r in rows]
        assert recorder.leaves(0, 100) == [row.leaf for row in rows]
        found = {(p, t) for p, _, t in recorder.tag_rows(0, 100)}
        assert found == {(e.position, t) for e in reference.read() for t in e.event.tags}
