"""What was ever stored is read for ever, and reads as what it read as."""

from __future__ import annotations

import json

import pytest

from ledger.kernel import codec
from tests import golden

TYPES = golden.released_types()
KEPT = list(golden.kept())


@pytest.mark.parametrize("topic", TYPES)
def test_every_event_has_golden_bytes(topic: str) -> None:
    """No event is released without bytes that later programs are held to."""
    version = TYPES[topic].VERSION
    assert golden.bytes_file(topic, version).exists(), (
        f"{topic} has no golden bytes of version {version}: run `python -m tests.golden` and "
        "commit what it adds"
    )


@pytest.mark.parametrize(("topic", "version"), KEPT)
def test_golden_bytes_read_as_ever(topic: str, version: int) -> None:
    """Bytes of every version decode, upcast if old, to the value that was written down."""
    expected = golden.value_file(topic, version, TYPES[topic].VERSION)
    assert expected.exists(), "run `python -m tests.golden` after a new version and check its diff"
    found = [golden.read_as(data) for data in golden.records(topic, version)]
    assert found == json.loads(expected.read_bytes())


@pytest.mark.parametrize(("topic", "version"), KEPT)
def test_golden_bytes_are_written_alike(topic: str, version: int) -> None:
    """The current version of an event still gives the very same bytes, so hashes repeat."""
    if version != TYPES[topic].VERSION:
        return
    for data in golden.records(topic, version):
        record = codec.decode(1, data)
        assert codec.encode(record.envelope, record.event) == data


def test_no_topic_disappears() -> None:
    """A topic that was ever stored is known to the program."""
    assert {topic for topic, _ in KEPT} <= set(TYPES)


def test_adding_never_rewrites(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """A golden file that is there stays as it is, even if it says something else."""
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    golden.add_missing({"policies"})
    path = golden.bytes_file("policies.working-calendar-published", 1)
    before = path.read_bytes()
    value = golden.value_file("policies.working-calendar-published", 1, 1)
    value.write_bytes(b"mine")
    assert golden.add_missing({"policies"}) == []
    assert (path.read_bytes(), value.read_bytes()) == (before, b"mine")
