"""Parameters of every resource: what is sent as a filter filters, whatever word it is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import inspect

from api.app import RESOURCES as OWN
from api.http.reading import query_value
from api.http.resources import Parameter, Resource
from api.log import transparency
from api.operations import accesses
from api.sealed import persons
from api.views import RESOURCES as VIEWS
from tests.cast import E_A
from tests.scenarios.world import World

#: Words that a reader of JSON, of YAML or of Python takes for nothing.
NOTHINGS = ("null", "None", "nil", "undefined", "~")

DECLARED = [
    (resource, parameter)
    for resource in (*OWN, *VIEWS, *accesses.RESOURCES, *persons.RESOURCES, *transparency.RESOURCES)
    for parameter in resource.query
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        await world.given_matter("M-101")
        await world.given_plan([3])
        yield world


def _is_text(parameter: Parameter) -> bool:
    """Whether any text may be sent, of a pattern or none."""
    return isinstance(_bare(inspect.type_info(parameter.type)), inspect.StrType)


def _bare(info: inspect.Type) -> inspect.Type:
    return _bare(info.type) if isinstance(info, inspect.Metadata) else info


def _path(resource: Resource) -> str:
    known = {"uscc": E_A, "entity": E_A, "unit": "MRB", "matter": "M-101", "officer": "OFF-001"}
    parts = [
        known.get(part[1:-1], "1") if part.startswith("{") else part
        for part in resource.path.split("/")
    ]
    return "/".join(parts)


def _items(answer: Any) -> list[Any]:
    if not isinstance(answer, dict):
        return []
    return next((v for k, v in answer.items() if k in ("items", "entries", "events")), [])


async def test_no_word_is_no_filter(world: World) -> None:
    """Such a word is a text that nothing has, or a 400; cursors and negations apart."""
    headers = {"Authorization": f"Bearer {world.tokens['JB']}"}
    filtered = 0
    for resource, parameter in DECLARED:
        # What does not have a word that nothing has is everything.
        if parameter.name in ("after", "at_least", "wait") or parameter.name.startswith("not_"):
            continue
        path = _path(resource)
        for word in set(NOTHINGS) - set(get_args(parameter.type)):
            answer = await world.client.get(path, params={parameter.name: word}, headers=headers)
            where = f"{path}?{parameter.name}={word}"
            if not _is_text(parameter):
                assert answer.status in (400, 403, 404), where
                continue
            if answer.status != 200 or "json" not in answer.content_type:
                assert answer.status < 500, where
                continue
            items = _items(await answer.json())
            if parameter.name in ("q", "query", "phrase"):  # a longer word of a text may hold it
                items = [item for item in items if word not in json.dumps(item).casefold()]
            assert not items, where
            filtered += 1
    assert filtered > 100


@pytest.mark.parametrize("type_", [int, bool, str], ids=str)
def test_null_is_a_word(type_: Any) -> None:
    """A parameter that may be left out is still never sent as nothing."""

    class Request:
        query = {"q": "null"}

    request: Any = Request()
    if type_ is str:
        assert query_value(request, "q", str | None, None) == "null"
    else:
        with pytest.raises(Exception, match="query parameter 'q'"):
            query_value(request, "q", type_ | None, None)
