"""The index of trails holds for each reader what that reader may see, and costs no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from typing import Any, get_args
from uuid import UUID

import pytest
import sqlalchemy as sa
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from api.feed.hub import Audience, scan_store
from api.http.tokens import ANONYMOUS, Grant
from ledger.general.vocabulary import Role
from ledger.kernel import Actor, Event, Recorded, Visibility, civil_date, codec
from ledger.kernel.events import Envelope
from projections.explain.trailindex import KINDS, Trails, read
from projections.explain.trails import trail
from projections.follower import Follower, Views
from projections.tables import open_engine
from tests.golden import records, released_types
from tests.projections.facts import E1, E2, Past, inspection, task

START = datetime(2026, 3, 2, tzinfo=UTC)
UNITS = ("MRB", "EDB", "JB")


def grants() -> Iterator[Grant]:
    """Every role of each unit, and representatives of two businesses."""
    yield ANONYMOUS
    for role in get_args(Role):
        for unit in UNITS:
            yield Grant(unit, "P", role)
    for entity in (E1, E2):
        yield Grant("ENTITY", "P", "entity_rep", entity)


class Filed:
    """Events of every type, each in some visibility by somebody of some unit."""

    def __init__(self) -> None:
        self.recorder = InMemoryDCBRecorder()
        self.kept: list[tuple[Recorded | None, str, list[str]]] = []
        turns = zip(cycle(get_args(Visibility)), cycle(UNITS), cycle("XYZUV"), strict=False)
        for topic, cls in released_types().items():
            for data in records(topic, cls.VERSION) * 2:
                visibility, unit, person = next(turns)
                self.add(codec.decode(1, data).event, visibility, unit, person)
        for unit in UNITS:
            self.damaged([f"unit:{unit}", f"entity:{E1}", "actor:X"])

    def add(self, event: Event, visibility: Any, unit: str, person: str) -> None:
        position = len(self.kept) + 1
        moment = START + timedelta(seconds=position)
        envelope = Envelope(
            event_id=UUID(int=position),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=moment,
            recorded_at=moment,
            actor=Actor(unit_id=unit, person_id=person, role="unit_head"),
            correlation_id=UUID(int=position),
            command_id="c",
            visibility=visibility,
        )
        record = Recorded(position, envelope, event)
        tags = [*event.tags(), f"actor:{person}", "command:c"]
        self.recorder.append(
            [DCBEvent(type=event.TOPIC, data=codec.encode(envelope, event), tags=tags)]
        )
        self.kept.append((record, event.TOPIC, tags))

    def damaged(self, tags: list[str]) -> None:
        self.recorder.append([DCBEvent(type="no.such", data=b"\x00", tags=tags)])
        self.kept.append((None, "no.such", tags))

    def subjects(self) -> list[str]:
        """Of each kind those that most events are about."""
        counted = Counter(tag for _, _, tags in self.kept for tag in tags)
        kinds: dict[str, list[str]] = {}
        for tag, _ in counted.most_common():
            kinds.setdefault(tag.partition(":")[0], []).append(tag)
        return [tag for tags in kinds.values() for tag in tags[:6]]

    def visible(self, grant: Grant) -> dict[str, list[int]]:
        """What each trail has to hold, asked of each event by itself."""
        found: dict[str, list[int]] = {}
        for position, (record, topic, tags) in enumerate(self.kept, 1):
            for tag in dict.fromkeys(tags):
                kind = tag.partition(":")[0]
                if kind in KINDS and self._sees(grant, record, topic, tags, tag):
                    found.setdefault(tag, []).append(position)
        return found

    @staticmethod
    def _sees(grant: Grant, record: Recorded | None, topic: str, tags: list[str], tag: str) -> bool:
        if record is None:  # for whoever may see everything, but for the units that it names
            named = [t.removeprefix("unit:") for t in tags]
            return grant.sees("sealed", "", tags) and grant.unit not in named
        unit = record.envelope.actor.unit_id
        return grant.sees_record(record) and (
            not tag.startswith("actor:") or grant.knows_actor(topic, unit, tags)
        )


def indexed(recorder: Any) -> Views:
    views = Views(open_engine("sqlite://"), [Trails()])
    with Follower(recorder, views) as follower:
        follower.catch_up()
    return views


def test_the_index_holds_what_each_reader_may_see() -> None:
    """For every role, unit and subject: the events that ``sees`` grants, no other, in order."""
    filed = Filed()
    views = indexed(filed.recorder)
    subjects = filed.subjects()
    assert {tag.partition(":")[0] for tag in subjects} > KINDS
    with views.reading() as connection:
        for grant in grants():
            wanted = filed.visible(grant)
            for tag in subjects:
                found = [row.position for row in read(connection, grant, [tag], 0)]
                assert found == wanted.get(tag, []), (grant, tag)
    views.close()


def test_what_is_hidden_is_looked_for_as_what_is_unknown() -> None:
    """A trail asks the store as often about either, so that its time does not tell them apart."""
    filed = Filed()
    views = indexed(filed.recorder)
    with views.reading() as connection:
        asked = []
        sa.event.listen(connection, "before_cursor_execute", lambda *args: asked.append(args[2]))
        for role in ("public", "unit_head", "rlo_assessor", "jb_supervisor"):
            grant = Grant("MRB", "P", role)
            seen = filed.visible(grant)
            for tag in filed.subjects():
                if tag not in seen:
                    statements = []
                    for name in (tag, tag.partition(":")[0] + ":NEVER"):
                        asked.clear()
                        assert list(read(connection, grant, [name], 0)) == []
                        statements.append(list(asked))
                    assert statements[0] == statements[1], (grant, tag)
    views.close()


PUBLIC = ANONYMOUS


def _past(hidden: int, shown: int = 40) -> Past:
    """Visible inspections of one business with many hidden tasks between any two."""
    past = Past(InMemoryDCBRecorder())
    for number in range(shown):
        past.add(inspection(f"I-{number}"))
        for other in range(hidden):
            past.add(task(f"T-{number}-{other}"))
    return past


def _pages(past: Past, **how: Any) -> list[tuple[list[int], int | None]]:
    """All pages of the public's trail, positions as their rank among the visible."""
    views = indexed(past.recorder)
    rank = {
        position: number
        for number, position in enumerate(
            (p for p, (_, event) in past.events.items() if event.TOPIC.startswith("intake")), 1
        )
    }
    found, source = [], Follower(past.recorder, views).source
    after: int | None = 0
    while after is not None:
        page, _ = trail(views, source, [f"entity:{E1}"], PUBLIC, after=after, **how)
        after = page.next_after
        found.append(
            ([rank[e.position] for e in page.entries], None if after is None else rank[after])
        )
    views.close()
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 40, 500])
@pytest.mark.parametrize(
    "topics",
    [(), ("intake.inspection-imported",), ("filing.inspection-task-approved",),
     ("filing.inspection-task-approved", "intake.inspection-imported"), ("no.such",)],
)  # fmt: skip
def test_pages_follow_from_what_is_visible(limit: int, topics: tuple[str, ...]) -> None:
    """Contents, cursors and ends are those that they would be without the hidden events."""
    how: dict[str, Any] = {"limit": limit, "topics": topics}
    assert _pages(_past(hidden=3), **how) == _pages(_past(hidden=0), **how)


@pytest.mark.parametrize("limit", [1, 3, 500])
@pytest.mark.parametrize("topics", [(), ("intake.inspection-imported",), ("no.such",)])
def test_newest_first_is_the_other_way_round(limit: int, topics: tuple[str, ...]) -> None:
    """The same events, last to first; hidden ones between them change no page and no cursor."""
    how: dict[str, Any] = {"limit": limit, "topics": topics}
    pages = _pages(_past(hidden=3), **how, newest=True)
    assert pages == _pages(_past(hidden=0), **how, newest=True)
    oldest = [rank for page, _ in _pages(_past(hidden=0), **how) for rank in page]
    assert [rank for page, _ in pages for rank in page] == oldest[::-1]


@pytest.mark.parametrize("newest", [False, True])
def test_days_bound_a_trail(newest: bool) -> None:
    """The first and the last day are days of recording in civil time, both inclusive."""
    past = Past(InMemoryDCBRecorder())
    start = datetime(2026, 3, 1, 15, 59, tzinfo=UTC)  # one minute before midnight
    for number in range(60):
        past.add(task(f"T-{number}"), start, recorded=start + number * timedelta(hours=8))
        past.add(inspection(f"I-{number}"), start, recorded=start + number * timedelta(hours=8))
    days = {p: civil_date(e.recorded_at) for p, (e, _) in past.events.items() if p % 2 == 0}
    every = sorted({*days.values(), date(2026, 2, 1), date(2027, 1, 1)})
    views = indexed(past.recorder)
    source = Follower(past.recorder, views).source
    for since in (None, *every):
        for until in (None, *every):
            page, _ = trail(
                views, source, [f"entity:{E1}"], PUBLIC,
                limit=500, newest=newest, since=since, until=until,
            )  # fmt: skip
            wanted = [
                position
                for position, day in days.items()
                if (since is None or day >= since) and (until is None or day <= until)
            ]
            found = [entry.position for entry in page.entries]
            assert found == (wanted[::-1] if newest else wanted), (since, until)
    views.close()


def test_a_filter_that_lets_nothing_through_looks_at_so_many_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page ends after a number of visible rows, at one of them, and the next goes on."""
    monkeypatch.setattr("projections.explain.trails.MAX_LOOK", 15)
    known = {"known_as_of": datetime(2000, 1, 1, tzinfo=UTC), "limit": 1}
    assert _pages(_past(hidden=2), **known) == [([], 15), ([], 30), ([], None)]
    assert _pages(_past(hidden=0), **known) == [([], 15), ([], 30), ([], None)]


def test_work_follows_from_what_is_visible() -> None:
    """The database takes as many steps for a page whether rows are hidden between or not."""

    def steps(past: Past) -> int:
        views = indexed(past.recorder)
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        with views.reading() as connection:
            raw: Any = connection.connection.driver_connection
            raw.set_progress_handler(step, 1)
            rows = list(_taken(read(connection, PUBLIC, [f"entity:{E1}"], 0), 20))
            raw.set_progress_handler(None, 1)
        assert len(rows) == 20
        views.close()
        return count

    assert steps(_past(hidden=50)) == steps(_past(hidden=0))


def _taken(rows: Iterable[Any], count: int) -> Iterator[Any]:
    for _, row in zip(range(count), rows, strict=False):
        yield row


def test_what_a_program_could_not_read_is_placed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that a newer program reads is in the trails of everybody who may see it."""
    past = Past(InMemoryDCBRecorder())
    past.add(inspection("I-1"))
    decode = codec.decode

    def fail(position: int, data: bytes) -> Recorded:
        raise codec.UnreadableRecord("of a later version")

    monkeypatch.setattr(codec, "decode", fail)
    views = indexed(past.recorder)
    with views.reading() as connection:
        assert not list(read(connection, PUBLIC, [f"entity:{E1}"], 0))
    with Follower(past.recorder, views) as follower:
        follower.catch_up()  # as unreadable as it was: left as it is
    with views.reading() as connection:
        assert not list(read(connection, PUBLIC, [f"entity:{E1}"], 0))
    monkeypatch.setattr(codec, "decode", decode)
    with Follower(past.recorder, views) as follower:
        follower.catch_up()
    with views.reading() as connection:
        assert [row.position for row in read(connection, PUBLIC, [f"entity:{E1}"], 0)] == [1]
    views.close()


def test_numbers_do_not_depend_on_batches() -> None:
    """Followed in pieces, by one process after another, the rows are those of one run."""
    filed = Filed()
    whole = indexed(filed.recorder)
    pieces = Views(open_engine("sqlite://"), [Trails()])
    for position in (1, 2, 50, 51, 300, len(filed.kept)):
        with Follower(filed.recorder, pieces, batch=7) as follower:
            follower.catch_up(position)
    assert pieces.digest("trails") == whole.digest("trails")
    whole.close()
    pieces.close()


@pytest.mark.parametrize("topics", [frozenset(), frozenset({"filing.*"}), frozenset({"intake.*"})])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_feed_of_subjects_follows_from_what_is_visible(
    topics: frozenset[str], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden events about the subject, or about another one: the same pages and cursors.

    A feed's cursor tells how long the ledger is, which everybody may know, and nothing else.
    """
    monkeypatch.setattr("api.feed.hub.PAGE", 2)
    monkeypatch.setattr("api.feed.hub.SPARSE", 2)
    audience = Audience(ANONYMOUS, topics, frozenset({f"entity:{E1}"}))

    def pages(hidden_about: str) -> list[tuple[list[int], int]]:
        past = Past(InMemoryDCBRecorder())
        for number in range(60):
            shown = number in (3, 30, 31, 50)
            about = E1 if shown else hidden_about
            past.add(inspection(f"I-{number}", E1) if shown else task(f"T-{number}", about))
        found, cursor = [], 0
        while cursor < 60:
            page = scan_store(past.recorder, audience, cursor, limit, scan=5, size=1_000_000)
            cursor = page.cursor
            found.append(([item.position for item in page.items], cursor))
        return found

    assert pages(E1) == pages(E2)
