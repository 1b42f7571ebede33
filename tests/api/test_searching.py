"""A search finds exactly what its reader may see and meets every condition, newest first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.tokens import ANONYMOUS, Grant
from ledger.general.personaldata import words_of
from ledger.kernel import Actor, Event, LegalRef, Recorded, codec
from ledger.kernel.events import Envelope
from projections.explain import searching, trailindex
from projections.explain.searching import Wanted, search, topics_of
from projections.explain.trailindex import KINDS, Trails, facet, words_key
from projections.follower import Follower, Views
from projections.tables import open_engine
from tests.api.test_trails import START, Filed, _past, grants, indexed
from tests.projections.facts import E1

LAW = "中华人民共和国行政处罚法"


class Story(Filed):
    """Events of every type, with laws, policies, correlations and causes that several share."""

    def __init__(self) -> None:
        #: What each reader sees, asked once.
        self._seen: dict[Grant, list[tuple[Recorded, list[str]]]] = {}
        super().__init__()

    def add(self, event: Event, visibility: Any, unit: str, person: str) -> None:
        position = len(self.kept) + 1
        moment = START + timedelta(days=position % 40)
        envelope = Envelope(
            event_id=UUID(int=position),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=moment,
            recorded_at=START + timedelta(days=position),
            actor=Actor(unit_id=unit, person_id=person, role="unit_head"),
            correlation_id=UUID(int=position % 50),
            command_id="c",
            visibility=visibility,
            legal_basis=(LegalRef(instrument=LAW, article="第五条"),) if position % 7 == 0 else (),
            policy_refs={"visit_cap": 1 + position % 3, "manner": 1} if position % 5 else {},
            causation_id=UUID(int=position % 9) if position % 4 else None,
        )
        record = Recorded(position, envelope, event)
        tags = [*event.tags(), f"actor:{person}", "command:c"]
        self.recorder.append(
            [DCBEvent(type=event.TOPIC, data=codec.encode(envelope, event), tags=tags)]
        )
        self.kept.append((record, event.TOPIC, tags))

    def hits(self, grant: Grant, wanted: Wanted) -> list[int]:
        """What a search has to find, asked of each event by itself."""
        if grant not in self._seen:
            self._seen[grant] = [
                (record, tags)
                for record, _, tags in self.kept
                if record is not None and grant.sees_record(record)
            ]
        topics = set(topics_of(wanted.types))
        return [
            record.position
            for record, tags in reversed(self._seen[grant])
            if _meets(record, tags, wanted, topics)
            and all(self._sees(grant, record, record.envelope.type, tags, t) for t in wanted.about)
            and all(any(self._has(grant, record, tags, n) for n in g) for g in wanted.any_of)
            and not any(self._has(grant, record, tags, name) for name in wanted.none_of)
        ]

    def _has(self, grant: Grant, record: Recorded, tags: list[str], name: str) -> bool:
        """Whether an event has a facet, or a subject for which this reader finds it."""
        if name.startswith("="):
            return name in _facets_of(record)
        return name in tags and self._sees(grant, record, record.envelope.type, tags, name)


def _facets_of(record: Recorded) -> set[str]:
    envelope, event = record.envelope, record.event
    return {
        facet("type", envelope.type),
        facet("correlation", envelope.correlation_id),
        facet("causation", envelope.causation_id),
        facet("rule", getattr(event, "rule_id", None)),
        *(facet("policy", f"{key}@{number}") for key, number in envelope.policy_refs.items()),
        *(facet("law", ref.instrument) for ref in envelope.legal_basis),
    }


def _meets(record: Recorded, tags: list[str], wanted: Wanted, topics: set[str]) -> bool:
    envelope, event = record.envelope, record.event
    asked = wanted.words or wanted.no_words
    texts = [words_key(text) for _, text in words_of(event)] if asked else []
    return (
        all(tag in tags for tag in wanted.about)
        and (not wanted.facets or _facets_of(record).issuperset(wanted.facets))
        and (wanted.policy is None or wanted.policy in envelope.policy_refs)
        and (not wanted.types or envelope.type in topics)
        and (wanted.since is None or record.occurred_on >= wanted.since)
        and (wanted.until is None or record.occurred_on <= wanted.until)
        and wanted.low <= record.position
        and (wanted.high is None or record.position <= wanted.high)
        and (wanted.known_as_of is None or envelope.known_at <= wanted.known_as_of)
        and all(any(words_key(word) in text for text in texts) for word in wanted.words)
        and not any(words_key(word) in text for word in wanted.no_words for text in texts)
    )


@pytest.fixture(scope="module")
def story() -> Iterator[tuple[Story, Views]]:
    story = Story()
    views = indexed(story.recorder)
    yield story, views
    views.close()


def pages(views: Views, wanted: Wanted, grant: Grant, limit: int) -> list[int]:
    """The positions of all pages, one after the other."""
    found, before = [], None
    while True:
        page = search(views, wanted, grant, before=before, limit=limit)
        assert len(page.positions) <= limit
        found += page.positions
        if (before := page.next_before) is None:
            return found


class _Choices:
    """Values that occur in the story, and one that does not."""

    def __init__(self, story: Story) -> None:
        records = [record for record, _, _ in story.kept if record is not None]
        self.tags = [tag for tag in story.subjects() if tag.partition(":")[0] in KINDS]
        self.types = sorted({record.envelope.type for record in records})
        self.systems = sorted({topic.partition(".")[0] + ".*" for topic in self.types})
        self.rules = sorted({r.event.rule_id for r in records if hasattr(r.event, "rule_id")})
        self.words = sorted(
            {text[:2].strip() for r in records for _, text in words_of(r.event)} - {""}
        )

    def wanted(self, dice: random.Random) -> Wanted:
        """Some conditions at random."""

        def perhaps(values: list[Any], most: int = 1) -> tuple[Any, ...]:
            return tuple(dice.sample(values, dice.choice((0, 0, *range(1, most + 1)))))

        day = START.date() + timedelta(days=dice.randrange(40))
        facets = [
            facet("correlation", UUID(int=dice.randrange(50))),
            facet("causation", UUID(int=dice.randrange(9))),
            facet("rule", dice.choice(self.rules)),
            facet("law", dice.choice((LAW, "无此法"))),
            facet("policy", f"visit_cap@{dice.randrange(1, 5)}"),
        ]
        bounds = sorted(dice.sample(range(1, 900), 2))
        return Wanted(
            about=perhaps([*self.tags, "task:NEVER"], 2),
            facets=perhaps(facets, 2),
            any_of=perhaps([tuple(dice.sample([*self.tags, *facets], 3)) for _ in range(2)], 2),
            none_of=perhaps([*self.tags, *facets, "task:NEVER"], 3),
            policy=dice.choice((None, None, "visit_cap", "manner", "no_such")),
            types=perhaps([*self.types, *self.systems, "no.such", "no.*"], 3),
            since=dice.choice((None, None, day)),
            until=dice.choice((None, None, day + timedelta(days=9))),
            low=dice.choice((1, 1, bounds[0])),
            high=dice.choice((None, None, bounds[1])),
            known_as_of=dice.choice((None, None, START + timedelta(days=dice.randrange(900)))),
            words=perhaps(self.words, 1),
            no_words=perhaps(self.words, 2),
        )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_finds_what_the_reader_may_see(story: tuple[Story, Views], seed: int) -> None:
    """For each role and unit, whatever is asked: the visible events that meet it, no others."""
    told, views = story
    dice = random.Random(seed)
    wanted = _Choices(told).wanted(dice)
    for grant in dice.sample(list(grants()), 5):
        found = pages(views, wanted, grant, dice.choice((1, 3, 50)))
        assert found == told.hits(grant, wanted), (grant, wanted)


@pytest.fixture(scope="module")
def in_blocks(story: tuple[Story, Views]) -> Iterator[tuple[Story, Views]]:
    """The same story, found as if it had a million events: its blocks are short."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (trailindex, searching):
            patch.setattr(module, "BLOCK", 64)
            patch.setattr(module, "DENSE", 4)
        for name, number in (("_COUNTED", 3), ("_MANY", 3), ("MAX_BLOCKS", 2), ("_BLOCKS", 3)):
            patch.setattr(searching, name, number)
        views = indexed(story[0].recorder)
        yield story[0], views
        views.close()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_frequent_conditions_are_met_in_blocks(in_blocks: tuple[Story, Views], seed: int) -> None:
    """The positions that conditions have in common are those that meet each of them."""
    told, views = in_blocks
    dice = random.Random(seed)
    wanted = _Choices(told).wanted(dice)
    for grant in dice.sample(list(grants()), 5):
        found = pages(views, wanted, grant, dice.choice((1, 3, 50)))
        assert found == told.hits(grant, wanted), (grant, wanted)


def test_blocks_do_not_depend_on_where_a_follower_stopped(in_blocks: tuple[Story, Views]) -> None:
    """What the caches of an unfinished block held is read again."""
    told, views = in_blocks

    def blocks(of: Views) -> list[Any]:
        with of.reading() as connection:
            return list(connection.execute(sa.select(trailindex.BLOCKS)))

    whole = blocks(views)
    assert len({row.block for row in whole}) > 5
    with (
        closing(Views(open_engine("sqlite://"), [Trails()])) as again,
        Follower(told.recorder, again, batch=7) as follower,
    ):
        for place in range(25, len(told.kept), 25):
            follower.catch_up(place)
            again.views["trails"].begin(follower.source, place)
        follower.catch_up()
        assert blocks(again) == whole


def test_every_reader_and_every_condition(story: tuple[Story, Views]) -> None:
    """Each condition by itself, for every reader; each of them finds something for somebody."""
    told, views = story
    choices = _Choices(told)
    asked = [
        Wanted(),
        *(Wanted(about=(tag,)) for tag in choices.tags[::4]),
        *(Wanted(types=(topic,)) for topic in choices.types[::20]),
        *(Wanted(types=(prefix,)) for prefix in choices.systems),
        *(Wanted(facets=(facet("rule", rule),)) for rule in choices.rules),
        *(Wanted(words=(word,)) for word in choices.words[::40]),
        Wanted(policy="visit_cap"),
        Wanted(facets=(facet("policy", "visit_cap@2"),)),
        Wanted(facets=(facet("law", LAW),)),
        Wanted(facets=(facet("correlation", UUID(int=3)),)),
        Wanted(facets=(facet("causation", UUID(int=3)),)),
        Wanted(since=date(2026, 3, 10), until=date(2026, 3, 12)),
        Wanted(any_of=(tuple(choices.tags[::9]),)),
        Wanted(none_of=tuple(choices.tags[::2])),
        Wanted(no_words=tuple(choices.words[:5])),
    ]
    met = set()
    # Of the readers who see the same one suffices.
    for grant in {(g.audiences, g.unit): g for g in grants()}.values():
        for number, wanted in enumerate(asked):
            found = pages(views, wanted, grant, 500)
            assert found == told.hits(grant, wanted), (grant, wanted)
            met.update({number} if found else ())
    assert met == set(range(len(asked)))


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(about=(f"entity:{E1}",)),
        Wanted(),
        Wanted(types=("intake.*",)),
        Wanted(types=("filing.*",)),
        Wanted(words=("卫生",)),
        Wanted(known_as_of=datetime.fromisoformat("2000-01-01T00:00:00Z")),
    ],
)
def test_pages_follow_from_what_is_visible(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hits, cursors and ends are those that they would be without the hidden events."""
    monkeypatch.setattr(searching, "MAX_LOOK", 12)
    monkeypatch.setattr(searching, "_FEWEST", 4)
    told = []
    for hidden in (0, 3):
        past = _past(hidden)
        views = indexed(past.recorder)
        shown = [p for p, (_, event) in past.events.items() if event.TOPIC.startswith("intake")]
        rank = {position: number for number, position in enumerate(shown, 1)}
        answers, before = [], None
        while True:
            page = search(views, wanted, ANONYMOUS, before=before, limit=5)
            before = page.next_before
            answers.append(
                ([rank[p] for p in page.positions], None if before is None else rank[before])
            )
            if before is None:
                break
        told.append(answers)
        views.close()
    assert told[0] == told[1]


def test_what_is_hidden_is_looked_for_as_what_is_unknown(story: tuple[Story, Views]) -> None:
    """A search asks the store as often about either, so that its time does not tell them apart."""
    told, views = story
    with views.reading() as connection:
        statements: list[str] = []
        sa.event.listen(
            connection.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
        )
    for role in ("public", "unit_head", "rlo_assessor"):
        grant = Grant("MRB", "P", role)  # type: ignore[arg-type]
        for tag in told.subjects():
            if tag.partition(":")[0] in KINDS and not told.hits(grant, Wanted(about=(tag,))):
                counts = []
                for name in (tag, tag.partition(":")[0] + ":NEVER"):
                    statements.clear()
                    assert search(views, Wanted(about=(name,)), grant).positions == []
                    counts.append(list(statements))
                assert counts[0] == counts[1], (grant, tag)


def test_the_conditions_are_not_empty() -> None:
    """The recorder of the story holds every facet, so that no comparison is of nothing."""
    story = Story()
    assert isinstance(story.recorder, InMemoryDCBRecorder)
    records = [record for record, _, _ in story.kept if record is not None]
    assert any(record.envelope.legal_basis for record in records)
    assert len({msgspec.json.encode(r.envelope.policy_refs) for r in records}) > 3
