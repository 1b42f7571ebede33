"""What the service says of its event types is true of every event that was ever recorded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from api.contract.eventtypes import EventSchema, EventType, schema_path
from api.contract.schemas import body_schema, steps
from ledger.kernel import Event, codec
from tests import golden
from tests.api.answers import faults_at
from tests.api.conftest import Face

TYPES = golden.released_types()


@pytest.mark.parametrize(("topic", "version"), [*golden.kept()])
def test_golden_bytes_fit_the_schema(topic: str, version: int) -> None:
    """A body as it was stored in any version is what the schema of that version describes."""
    schema = msgspec.to_builtins(body_schema(TYPES[topic], version, "zh"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for data in golden.records(topic, version):
        assert list(validator.iter_errors(codec.plain(data)["body"])) == []


@pytest.mark.parametrize("cls", [*TYPES.values()], ids=lambda cls: cls.TOPIC)
def test_the_example_is_an_event(cls: type[Event]) -> None:
    """The program takes it for an event of the type, with every field that golden bytes have."""
    schema = body_schema(cls, cls.VERSION, "en")
    (example,) = schema["examples"]
    plain = msgspec.json.decode(msgspec.json.encode(example))

    event = msgspec.convert(plain, cls, str_keys=True)
    full = codec.plain(golden.records(cls.TOPIC, cls.VERSION)[0])["body"]

    assert isinstance(event, cls)
    assert set(full) <= set(plain) == set(schema["properties"])


async def test_every_type_is_listed_with_its_schemas(face: Face) -> None:
    """In one request, in both languages; each address leads to the schema with that address."""
    listed = msgspec.json.decode(await (await face.get("/v1/event-types")).read())["items"]
    shown = {item["type"]: item for item in listed}

    assert set(TYPES) <= set(shown)
    for topic, cls in TYPES.items():
        item = msgspec.convert(shown[topic], EventType)
        assert item.schemas == tuple(schema_path(topic, n + 1) for n in range(cls.VERSION))
        assert item.titles.zh != topic != item.titles.en
    for topic in ("access.command-refused", _NEWEST[0]):
        body = await (await face.get(f"/v1/event-types/{topic}")).read()
        assert msgspec.json.decode(body) == shown[topic]
        assert not faults_at(f"/v1/event-types/{topic}", body)
        for path in shown[topic]["schemas"]:
            body = await (await face.get(path)).read()
            assert not faults_at(path, body)
            schema = msgspec.json.decode(body, type=EventSchema)
            assert schema.id == path
            assert schema.x_read_as >= schema.x_version


_NEWEST = ("filing.inspection-task-approved", TYPES["filing.inspection-task-approved"].VERSION)


async def test_titles_are_in_the_language_of_the_reader(face: Face) -> None:
    """And in both languages beside; copies of the two are kept apart."""
    path = schema_path(*_NEWEST)
    tags = set()
    for asked, language in (("zh-CN", "zh"), ("en-GB, zh;q=0.5", "en"), ("fr, *;q=0", "en")):
        answer = await face.get(path, headers={"Accept-Language": asked})
        schema = await answer.json()
        assert schema["title"] == schema[f"x-title-{language}"]
        unit = schema["properties"]["unit"]
        assert unit["title"] == unit[f"x-title-{language}"]
        assert unit["x-title-zh"] != unit["x-title-en"]
        assert answer.headers["Content-Language"] == language
        assert "Accept-Language" in answer.headers["Vary"]
        tags.add(answer.headers["ETag"])
    assert len(tags) == 2


@pytest.mark.parametrize(
    "path", ["nothing.at-all", "nothing.at-all/v1", f"{_NEWEST[0]}/v0", f"{_NEWEST[0]}/v01"]
)
async def test_there_are_no_others(face: Face, path: str) -> None:
    """Neither of a type nor of a version that does not exist."""
    assert (await face.get(f"/v1/event-types/{path}")).status == 404
    assert (await face.get(f"/v1/event-types/{_NEWEST[0]}/v{_NEWEST[1] + 1}")).status == 404


def test_how_an_older_body_is_read() -> None:
    """Each step from a version to the newest says what changes."""
    for cls in TYPES.values():
        told = steps(cls, 1)
        assert [(step.version, step.read_as) for step in told] == [
            (number, number + 1) for number in range(1, cls.VERSION)
        ]
        assert all(step.description for step in told), cls.TOPIC


async def test_a_feed_names_the_schema(face: Face) -> None:
    """`dataschema` is the address of the schema of the version in which an event was stored."""
    await face.note("T-9")
    page: Any = await (await face.get("/v1/feed", face.jb)).json()
    event = page["events"][-1]

    assert event["dataschema"].endswith(schema_path(event["type"], event["schemaversion"]))
    schema = await (await face.get(event["dataschema"])).json()
    assert list(Draft202012Validator(schema).iter_errors(event["data"])) == []
