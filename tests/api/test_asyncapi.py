"""The feed as AsyncAPI is valid, complete, and true of the events that the feed sends.

``tests/fixtures/asyncapi-3.0.0.json.gz`` is the schema of AsyncAPI 3.0.0 as its initiative
publishes it (asyncapi/spec-json-schemas, Apache-2.0), on one line.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from api.contract.asyncapi import describe
from ledger.kernel.events import event_types
from tests import golden
from tests.api.conftest import Face

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "asyncapi-3.0.0.json.gz"


@cache
def document(language: str, source: str = "/v1/feed") -> Any:
    return msgspec.json.decode(msgspec.json.encode(describe(source, language)))


def references(value: Any) -> Iterator[str]:
    """Every reference within a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def referred(root: Any, reference: str) -> Any:
    """What a reference within a document leads to."""
    assert reference.startswith("#/"), reference
    for part in reference.removeprefix("#/").split("/"):
        root = root[part]
    return root


@pytest.mark.parametrize("source", ["/v1/feed", "https://ledger.example/base/v1/feed"])
def test_valid(source: str) -> None:
    """By the schema of AsyncAPI 3.0, with and without an address of the service."""
    schema = msgspec.json.decode(gzip.decompress(FIXTURE.read_bytes()))
    validator = Draft7Validator(schema)
    broken = {**document("zh", source), "channels": {"feed": {"address": 1}}}

    assert [e.message for e in validator.iter_errors(document("zh", source))] == []
    assert list(validator.iter_errors(broken))
    servers = document("zh", source).get("servers")
    assert (servers is None) == source.startswith("/")
    if servers is not None:
        assert servers["ledger"] == {
            "host": "ledger.example",
            "protocol": "https",
            "pathname": "/base",
        }


def test_every_reference_leads_somewhere() -> None:
    """Within the document, so that a reader needs one file."""
    whole = document("en")
    found = set(references(whole))
    assert len(found) > len(event_types())
    for reference in found:
        assert referred(whole, reference) is not None


def test_every_version_of_every_type_is_a_message() -> None:
    """With titles in both languages, in the channel of the feed."""
    whole = document("zh")
    messages = whole["components"]["messages"]
    for topic, version in golden.kept():
        message = messages[f"{topic}.v{version}"]
        assert message["title"] == message["x-title-zh"] != message["x-title-en"]
        assert f"{topic}.v{version}" in whole["channels"]["feed"]["messages"]
    assert set(messages) == set(whole["channels"]["feed"]["messages"])


async def test_what_the_feed_sends_is_described(face: Face) -> None:
    """Each event is of exactly the message of its type and version."""
    await face.note("T-1")
    whole = await (await face.get("/v1/asyncapi.json")).json()
    events = (await (await face.get("/v1/feed", face.jb)).json())["events"]

    assert events
    for event in events:
        fitting = [
            name
            for name, message in whole["components"]["messages"].items()
            if message["name"] == event["type"]
            and Draft202012Validator(
                {**message["payload"], "components": whole["components"]}
            ).is_valid(event)
        ]
        assert fitting == [f"{event['type']}.v{event['schemaversion']}"]


async def test_in_the_language_of_the_reader(face: Face) -> None:
    """An unchanged copy is not sent again; that of the other language is another one."""
    tags = {}
    for language in ("zh", "en"):
        answer = await face.get("/v1/asyncapi.json", headers={"Accept-Language": language})
        assert answer.headers["Content-Language"] == language
        tags[language] = answer.headers["ETag"]
    assert tags["zh"] != tags["en"]
    known = {"Accept-Language": "en", "If-None-Match": tags["en"]}
    assert (await face.get("/v1/asyncapi.json", headers=known)).status == 304
