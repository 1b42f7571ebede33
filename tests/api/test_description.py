"""The description of the interface is valid, complete, and true."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import RESOURCES
from api.http.openapi import describe
from api.http.problems import KINDS
from api.http.resources import Resource
from api.operations.operators import (
    CLOCK_OPERATION,
    TOKEN_OPERATIONS,
    TOKEN_RESOURCES,
    VIEW_RESOURCES,
)
from api.sealed import publicdoor
from ledger.registry import COMMANDS
from tests.api import specimen
from tests.api.conftest import Face
from tests.examples import examples

EXTRA = Resource("/v1/extra/{id}", lambda request: None, roles=frozenset({"public"}))  # type: ignore[arg-type, return-value]


OPERATIONS = (*TOKEN_OPERATIONS, CLOCK_OPERATION, publicdoor.OPERATION)


def _plain(document: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document))


@pytest.mark.parametrize("commands", [COMMANDS, specimen.COMMANDS], ids=["real", "specimen"])
def test_valid(commands: Any) -> None:
    """The description is valid OpenAPI 3.1, for the real table too."""
    resources = (
        *RESOURCES,
        *VIEW_RESOURCES,
        *TOKEN_RESOURCES,
        *publicdoor.RESOURCES,
        EXTRA,
    )
    OpenAPIV31SpecValidator(_plain(describe(commands, resources, OPERATIONS))).validate()


async def test_complete(face: Face) -> None:
    """Every route of the application but pages for people is described, and nothing else."""
    document = await (await face.get("/v1/openapi.json")).json()
    app = face.client.app
    assert isinstance(app, web.Application)
    routes = {
        (r.method.lower(), r.resource.canonical)
        for r in app.router.routes()
        if r.resource is not None and r.method != "HEAD"
    }
    described = {(m, p) for p, methods in document["paths"].items() for m in methods}
    pages = {("get", "/docs"), ("get", "/public"), ("get", "/static/{name}")}
    assert routes - described == pages
    assert described <= routes
    ids = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(ids) == len(set(ids))


def test_examples_are_true() -> None:
    """The example of every command and operation is one that its type takes."""
    document = _plain(describe(COMMANDS, (), OPERATIONS))
    for operated in OPERATIONS:
        body = document["paths"][operated.path]["post"]["requestBody"]
        msgspec.convert(body["content"]["application/json"]["example"], operated.body)
    for entry in COMMANDS:
        operation = document["paths"][f"/v1/{entry.system}/{entry.name}"]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        msgspec.json.decode(msgspec.json.encode(example), type=entry.command)


def test_docstrings_are_descriptions() -> None:
    """What a command's docstring says, the description says, with the roles."""
    document = _plain(describe(specimen.COMMANDS, ()))
    operation = document["paths"]["/v1/specimen/lock-thing"]["post"]
    assert operation["summary"].startswith("Lock a thing;")
    assert "jb_supervisor" in operation["description"]
    assert operation["security"] == [{"token": []}]


async def test_problems_are_explained(face: Face) -> None:
    """The type of every problem is an address at which it is explained."""
    for kind in KINDS.values():
        shown = await (await face.get(kind.uri)).json()
        assert shown["status"] == kind.status
        assert shown["meaning"]
    listed = await (await face.get("/problems")).json()
    assert [k["type"] for k in listed] == [k.uri for k in KINDS.values()]
    assert (await face.get("/problems/none")).status == 404


async def test_pages(face: Face) -> None:
    """Pages ask nothing of other hosts, hold no inline script, and allow none."""
    for path in ("/", "/docs"):
        answer = await face.get(path, headers={"Accept": "text/html"})
        text = await answer.text()
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"https?://|<script>|\son\w+=|style=", text)
        for name in re.findall(r'(?:src|href)="(/[^"]*)"', text):
            assert (await face.get(name)).status == 200, name


async def test_no_way_out_of_static(face: Face) -> None:
    """Only packaged files are served."""
    for name in ("..%2fapp.py", "%2e%2e/app.py", "../app.py", "app.py", "%00"):
        assert (await face.get(f"/static/{name}")).status == 404


async def test_no_cors(face: Face) -> None:
    """Pages of other origins are not let in."""
    answer = await face.get("/v1/feed", headers={"Origin": "https://evil.example"})
    assert not [h for h in answer.headers if h.lower().startswith("access-control")]


async def test_expect(face: Face) -> None:
    """An unknown expectation is a problem document too; the known one is met."""
    answer = await face.post("note-thing", {"thing": "T"}, headers={"Expect": "a miracle"})
    assert answer.status == 417
    assert answer.content_type == "application/problem+json"
    answer = await face.client.post(
        "/v1/specimen/note-thing",
        json={"thing": "T"},
        headers={"Authorization": f"Bearer {face.jb}"},
        expect100=True,
    )
    assert answer.status == 201


@pytest.mark.slow
async def test_whatever_is_sent(make_face: Callable[..., Any]) -> None:
    """Requests made up from the description, sensible and not, never meet a fault (5xx)."""
    import schemathesis
    from schemathesis.checks import not_a_server_error

    face = await make_face()
    document = await (await face.get("/v1/openapi.json")).json()
    # Those two are there to fail and to wait.
    for name in ("fail", "hold", "ask-nothing"):
        del document["paths"][f"/v1/specimen/{name}"]
    schema = schemathesis.openapi.from_dict(document)
    url = str(face.client.make_url("/")).rstrip("/")

    def attack() -> int:
        sent = 0
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE:
                cases = operation.as_strategy(generation_mode=mode)

                @examples(
                    15,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                )
                @given(case=cases)
                def send(case: Any) -> None:
                    nonlocal sent
                    case.query.pop("wait", None)
                    headers = {"Authorization": f"Bearer {face.jb}", "Accept": "application/json"}
                    response = case.call(base_url=url, timeout=20, headers=headers)
                    sent += 1
                    case.validate_response(response, checks=[not_a_server_error])

                # A resource without parameters cannot be asked wrongly.
                with suppress(Unsatisfiable):
                    send()
        return sent

    assert await asyncio.to_thread(attack) > 100
