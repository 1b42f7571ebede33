"""Records: bytes that are the same everywhere and are always read back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from uuid import UUID

import msgpack
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.kernel import Actor, Event, Provenance, codec
from ledger.kernel.events import Envelope, Value, event_types
from tests.examples import examples
from tests.golden import records, released_types
from tests.kernel.hall import Heard, SeatTaken
from tests.kernel.strategies import JSON, instances

TYPES = released_types()


def envelope(topic: str, version: int = 1, **fields: Any) -> Envelope:
    return Envelope(
        event_id=UUID(int=1),
        type=topic,
        schema_version=version,
        occurred_at=datetime(2026, 5, 11, 2, tzinfo=UTC),
        recorded_at=datetime(2026, 5, 11, 2, tzinfo=UTC),
        actor=Actor(unit_id="MRB", person_id="OFF-001", role="enforcement_officer"),
        correlation_id=UUID(int=2),
        command_id="c",
        visibility="public",
        **fields,
    )


@pytest.mark.parametrize("topic", TYPES)
@examples(15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_event_comes_back(topic: str, data: st.DataObject) -> None:
    """Whatever an event says, its record says the same, in bytes that do not change."""
    event = data.draw(instances(TYPES[topic]))
    head = data.draw(instances(Envelope))
    head = msgspec.structs.replace(head, type=topic, schema_version=TYPES[topic].VERSION)
    try:
        stored = codec.encode(head, event)
    except codec.RecordTooLarge:
        return
    record = codec.decode(7, stored)
    assert (record.position, record.envelope) == (7, head)
    assert codec.encode(record.envelope, record.event) == stored
    read, again, at, same = codec.checked(7, stored)
    assert at == head.recorded_at
    assert (again.TOPIC, read.command_id, same) == (topic, head.command_id, True)
    changed = bytearray(stored)
    changed[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    check_as_decoded(bytes(changed))
    said = msgspec.json.encode(event, order="sorted")
    assert msgspec.json.encode(record.event, order="sorted") == said


DEFAULTED = [
    (topic, field.name, field.default)
    for topic, cls in TYPES.items()
    for field in msgspec.structs.fields(cls)
    if isinstance(field.default, str)
]


@pytest.mark.parametrize(("topic", "name", "default"), DEFAULTED)
@examples(5, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_default_out_of_a_request_comes_back(
    topic: str, name: str, default: str, data: st.DataObject
) -> None:
    """The same word as another object, as a policy or a request holds it, gives lasting bytes."""
    said = "".join(list(default))
    assert said is not default
    event = msgspec.structs.replace(data.draw(instances(TYPES[topic])), **{name: said})
    try:
        stored = codec.encode(envelope(topic, TYPES[topic].VERSION), event)
    except codec.RecordTooLarge:
        return
    record = codec.decode(1, stored)
    assert getattr(record.event, name) == default
    assert codec.encode(record.envelope, record.event) == stored


@pytest.mark.parametrize("opening", [msgspec.UNSET, date(2026, 7, 1)])
def test_only_an_opening_fact_says_so_in_its_bytes(opening: Any) -> None:
    """What was imported before there were any has the same bytes as ever."""
    head = envelope(
        SeatTaken.TOPIC,
        provenance=Provenance(source="s", file="a.csv", row=7, digest="0" * 64, opening=opening),
    )
    event = SeatTaken(hall="H-1", guest="G-1", seat=1)
    stored = codec.encode(head, event)
    said = codec.plain(stored)["provenance"]
    assert said.get("opening") == (None if opening is msgspec.UNSET else "2026-07-01")
    assert said.keys() - {"opening"} == {"source", "file", "row", "digest", "known_at"}
    record = codec.decode(1, stored)
    assert record.envelope == head
    assert record.opening == (None if opening is msgspec.UNSET else opening)
    # Recorded in May: nothing that was due by the takeover, or before then, is judged.
    assert record.unjudged_until == record.opening
    assert codec.checked(1, stored)[3] is True


def test_parts_of_events_leave_out_no_words() -> None:
    """The codec looks at the defaults of events and not at those of their parts."""
    waiting: list[type[msgspec.Struct]] = [Value]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls.__struct_config__.omit_defaults:
            for field in msgspec.structs.fields(cls):
                assert not isinstance(field.default, str), (cls.__name__, field.name)


def check_as_decoded(data: bytes) -> None:
    """``checked`` says what reading and writing again would say."""
    try:
        record = codec.decode(7, data)
    except codec.UnreadableRecord:
        with pytest.raises(codec.UnreadableRecord):
            codec.checked(7, data)
        return
    older = record.envelope.schema_version != record.event.VERSION
    try:
        same = older or codec.packed(record.envelope, record.event) == data
    except (TypeError, ValueError, RecursionError):
        same = False  # what it holds is never written
    assert codec.checked(7, data)[3] is same


#: MessagePack can write these down, and JSON cannot.
EXTENSIONS = st.builds(
    lambda kind, content: msgpack.packb(msgpack.ExtType(kind, content)),
    st.integers(0, 127),
    st.binary(max_size=20),
) | st.builds(
    lambda seconds, nanoseconds: msgpack.packb(msgpack.Timestamp(seconds, nanoseconds)),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 10**9 - 1),
)


def nested(opening: bytes, depth: int, inside: bytes) -> bytes:
    return opening * depth + inside


#: What may stand in the place of a value, whoever put it there.
HOSTILE = st.recursive(
    EXTENSIONS
    | st.binary(max_size=20)
    | st.binary(max_size=20).map(msgpack.packb)
    | st.floats().map(msgpack.packb)
    | st.floats(width=32).map(lambda one: msgpack.packb(one, use_single_float=True))
    | st.integers(-(2**63), 2**64 - 1).map(msgpack.packb)
    | st.sampled_from(["", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "\x1b"]).map(
        msgpack.packb
    ),
    lambda inner: st.builds(
        nested,
        st.sampled_from([b"\x91", b"\x81\xa1a", b"\x81\xc4\x01a", b"\x81\x01", b"\x81\x91\xc0"]),
        st.sampled_from([1, 2, 500, 520, 1_000, 1_100, 50_000]),
        inner,
    ),
    max_leaves=3,
)

MARK = "the value that something else is put in the place of"


@examples(500, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_bytes_are(data: st.DataObject) -> None:
    """Bytes that somebody made up are no record, or are told from one; nothing else is raised."""
    topic = data.draw(st.sampled_from(list(TYPES)))
    version = data.draw(st.integers(1, TYPES[topic].VERSION))
    fields = msgpack.unpackb(data.draw(st.sampled_from(records(topic, version))))
    inside = data.draw(st.sampled_from([fields, fields["body"]]))
    inside[data.draw(st.sampled_from([*inside, "unknown"]))] = MARK
    hostile = data.draw(HOSTILE)
    check_as_decoded(msgpack.packb(fields).replace(msgpack.packb(MARK), hostile))
    check_as_decoded(hostile)


def test_a_value_that_nobody_can_write() -> None:
    """Where a field takes any value it is not taken for one that the program wrote."""
    never = msgpack.Timestamp(1, 0)
    fields = msgpack.unpackb(records("policies.policy-version-adopted", 1)[0])
    fields["body"]["value"] = never
    assert codec.checked(7, msgpack.packb(fields))[3] is False
    fields = msgpack.unpackb(records("corrections.record-corrected", 2)[0])
    fields["body"]["field_changes"][0]["old"] = never
    assert codec.checked(7, msgpack.packb(fields))[3] is False


def test_nested_without_end() -> None:
    """Bytes that no reader gets to the end of are no record."""
    for read in (codec.decode, codec.checked):
        with pytest.raises(codec.UnreadableRecord, match="position 7"):
            read(7, nested(b"\x81\xa1a", 1, nested(b"\x91", 50_000, b"\xc0")))


def test_known_at_no_moment() -> None:
    """A source that knew something at no time at all is refused by whoever reads it."""
    source = {"source": "S", "file": "F", "row": 1, "digest": "d", "known_at": ""}
    fields = _renamed(Heard.TOPIC) | {"provenance": source}
    event = msgpack.unpackb(records("credit.end-approved", 1)[0])
    check_as_decoded(msgpack.packb(fields))
    with pytest.raises(codec.UnreadableRecord):
        codec.checked(7, msgpack.packb(event | {"provenance": source}))


@pytest.mark.parametrize("topic", TYPES)
def test_checked_takes_no_bytes_but_its_own(topic: str) -> None:
    """Other ways to write the same record in MessagePack are told from the one way there is."""
    stored = records(topic, TYPES[topic].VERSION)[0]
    fields = msgpack.unpackb(stored)
    check_as_decoded(stored)
    for other in (
        dict(reversed(fields.items())),
        {**fields, "body": dict(reversed(fields["body"].items()))},
        {**fields, "occurred_at": msgpack.Timestamp(1_767_571_200, 0)},
        {**fields, "body": {**fields["body"], "unknown": 1}},
    ):
        check_as_decoded(msgpack.packb(other))
    moments = {n: v for n, v in fields["body"].items() if isinstance(v, str) and "T" in v}
    for name in moments:
        moved = {**fields["body"], name: msgpack.Timestamp(1_767_571_200, 0)}
        check_as_decoded(msgpack.packb({**fields, "body": moved}))
    check_as_decoded(msgpack.packb(fields, use_single_float=True) + b"\x00")


@given(st.dictionaries(st.text(), JSON, min_size=2), st.randoms())
def test_order_of_keys_does_not_show(words: dict[str, Any], random: Any) -> None:
    """Two maps that are equal give the same bytes, in whatever order they were filled."""
    shuffled = list(words.items())
    random.shuffle(shuffled)
    one = codec.encode(envelope(Heard.TOPIC), Heard(words=words))
    other = codec.encode(envelope(Heard.TOPIC), Heard(words=dict(shuffled)))
    assert one == other


def test_the_record_is_one_sorted_map() -> None:
    """A stranger with any MessagePack library reads envelope and body."""
    event = SeatTaken(hall="H", guest="G", seat=1)
    fields = msgpack.unpackb(codec.encode(envelope(event.TOPIC), event))
    assert list(fields) == [*sorted(set(fields) - {"body"}), "body"]
    assert fields["body"] == {"guest": "G", "hall": "H", "seat": 1}
    assert fields["occurred_at"] == "2026-05-11T02:00:00Z"
    assert codec.plain(codec.encode(envelope(event.TOPIC), event)) == fields


def test_too_large_is_refused() -> None:
    """A record stays below what a log entry can hold, and says what to do."""
    with pytest.raises(codec.RecordTooLarge, match="digest"):
        codec.encode(envelope(Heard.TOPIC), Heard(words="x" * codec.MAX_RECORD_BYTES))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(SeatTaken(hall="", guest="G", seat=1), id="a subject without a name"),
        pytest.param(SeatTaken(hall="H", guest="G", seat="one"), id="a number that is none"),  # type: ignore[arg-type]
        pytest.param(SeatTaken(hall="H\n", guest="G", seat=1), id="a name with a line end"),
    ],
)
def test_what_cannot_be_read_back_is_not_written(event: Event) -> None:
    """An event that a program made wrongly fails at once, not for every reader after it."""
    with pytest.raises(codec.UnreadableRecord):
        codec.encode(envelope(event.TOPIC), event)


def test_keys_of_maps_are_text_in_the_bytes() -> None:
    """A map by number is stored by text, which every reader takes, and typed ones come back."""
    from ledger.kernel import events

    class Counted(Event):
        """A map typed by number."""

        TOPIC: ClassVar[str] = "tests.counted"

        by_year: dict[int, int]

    try:
        counted = Counted(by_year={2026: 1, 2025: 2})
        stored = codec.encode(envelope(Counted.TOPIC), counted)
        assert codec.plain(stored)["body"] == {"by_year": {"2025": 2, "2026": 1}}
        assert codec.decode(1, stored).event == counted
    finally:
        events._TOPICS.pop(Counted.TOPIC)
    stored = codec.encode(envelope(Heard.TOPIC), Heard(words={1: "one"}))
    assert codec.decode(1, stored).event == Heard(words={"1": "one"})


def test_a_naive_moment_is_not_written() -> None:
    """A moment without an offset would be another moment elsewhere."""
    head = msgspec.structs.replace(
        envelope(Heard.TOPIC),
        occurred_at=datetime(2026, 5, 11),  # noqa: DTZ001
    )
    with pytest.raises(codec.UnreadableRecord):
        codec.encode(head, Heard(words="x"))


def test_an_unknown_topic_names_position_and_topic() -> None:
    """Bytes of a type that this program does not know say which and where."""
    data = msgpack.packb(_renamed("tests.never-heard-of"))
    with pytest.raises(codec.UnreadableRecord, match=r"position 42.*tests\.never-heard-of"):
        codec.decode(42, data)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x80", b"\x01", msgpack.packb({"body": 3})])
def test_garbage_names_the_position(data: bytes) -> None:
    """Bytes that are no record are reported as such, whatever they are."""
    with pytest.raises(codec.UnreadableRecord, match="position 42"):
        codec.decode(42, data)


def test_an_unknown_field_is_not_dropped() -> None:
    """A body that says more than this program knows is not read as if it said less."""
    fields = _renamed(Heard.TOPIC)
    fields["body"]["louder"] = True
    with pytest.raises(codec.UnreadableRecord, match="louder"):
        codec.decode(1, msgpack.packb(fields))


def test_a_newer_version_asks_for_a_newer_program() -> None:
    """A record of a later schema version is refused with the remedy."""
    fields = _renamed(Heard.TOPIC) | {"schema_version": 2}
    with pytest.raises(codec.UnreadableRecord, match="Upgrade"):
        codec.decode(1, msgpack.packb(fields))


@pytest.fixture
def three_versions() -> Iterator[type[Event]]:
    from ledger.kernel import events

    class Measured(Event):
        """Once in yuan under another name, then renamed, then in fen."""

        TOPIC: ClassVar[str] = "tests.measured"
        VERSION = 3
        UPCASTERS = {
            1: lambda body: {"yuan": body["amount"]},
            2: lambda body: {"fen": body["yuan"] * 100},
        }

        fen: int

    yield Measured
    events._TOPICS.pop("tests.measured")


@pytest.mark.parametrize(
    ("version", "body"), [(1, {"amount": 5}), (2, {"yuan": 5}), (3, {"fen": 500})]
)
def test_old_bodies_are_carried_forward(
    three_versions: type[Event], version: int, body: dict[str, int]
) -> None:
    """Bytes of any version read as the current one; each step knows only the next."""
    fields = _renamed("tests.measured") | {"schema_version": version, "body": body}
    assert codec.decode(1, msgpack.packb(fields)).event == three_versions(fen=500)


def test_a_topic_belongs_to_one_class() -> None:
    """A second class cannot take a topic, and none can do without."""
    with pytest.raises(TypeError, match=r"tests\.heard"):
        type("Overheard", (Event,), {"TOPIC": "tests.heard", "__module__": __name__})
    with pytest.raises(TypeError, match="must declare a TOPIC"):
        type("Silent", (Event,), {"__module__": __name__})
    assert event_types()["tests.heard"] is Heard


def _renamed(topic: str) -> dict[str, Any]:
    fields = codec.plain(codec.encode(envelope(Heard.TOPIC), Heard(words="x")))
    return fields | {"type": topic}
