"""Requests that schemathesis makes up from the served description, sent to a running service.

Everybody, an authority and the bureau each send those operations that they may use, so that every
operation is asked by somebody; with ``REQUESTS=whole`` (``make soak``) every role sends all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from ledger.general.vocabulary import Role
from ledger.registry import COMMANDS
from tests.api import full

pytestmark = pytest.mark.slow

SECONDS = 120

#: How many requests of each operation are made up, and in which ways.
WHOLE = os.environ.get("REQUESTS") == "whole"
EXAMPLES = int(os.environ.get("REQUESTS_EXAMPLES", "1"))

#: What schemathesis holds answers against; what it cannot know stands beside each exception.
CONFIG = """
[checks.negative_data_rejection]
# A position that is not reached yet, and an address or a header that is too long.
expected-statuses = [400, 401, 403, 404, 405, 406, 413, 414, 415, 416, 422, 425, 428, 429, 431]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 425, 429]

# What a rule refuses fits the schema: only the ledger knows the rule.
[[operations]]
include-method = "POST"
checks.positive_data_acceptance.enabled = false

# The ledger of this test has the events of draws and screenings twice, and no files.
[[operations]]
include-path-regex = "^/v1/(draws|screenings)/[{][a-z]+[}]/"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 503]
checks.positive_data_acceptance.enabled = false

# A draw has each event once, and this ledger has two.
[[operations]]
include-path = "/v1/draws/{draw}/export"
checks.not_a_server_error.enabled = false

# A version that the list has, or the cursor of a stream for a page: the schema knows neither.
[[operations]]
include-path-regex = "/diff$|^/v1/feed$|^/v1/log/consistency$"
checks.positive_data_acceptance.enabled = false
"""


class Service(NamedTuple):
    """A served ledger: its address, its tokens, and its description."""

    address: str
    tokens: dict[Role, str]
    operations: dict[str, dict[str, Any]]
    folder: Path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A served ledger with every type of event."""
    folder = tmp_path_factory.mktemp("asked")
    (folder / "schemathesis.toml").write_text(CONFIG, "utf-8")
    with full.laid(folder) as served:
        document = httpx.get(f"{served.address}/v1/openapi.json", timeout=SECONDS).json()
        operations = {o["operationId"]: o for p in document["paths"].values() for o in p.values()}
        yield Service(served.address, full.tokens(served), operations, folder)


def ask(service: Service, role: Role, operations: set[str], *more: str) -> str:
    """Have requests made up for these operations; return what schemathesis reports."""
    named = [word for name in sorted(operations) for word in ("--include-operation-id", name)]
    words = [str(Path(sys.executable).with_name("st")), "run", f"{service.address}/v1/openapi.json"]
    if role != "public":
        words += ["--header", f"Authorization: Bearer {service.tokens[role]}"]
    done = subprocess.run(
        [*words, "--seed", "1", "--no-shrink", "--continue-on-failure", "--no-color",
         "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "30",
         "--max-examples", str(EXAMPLES), "--generation-database", "none", *more, *named],
        cwd=service.folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
             "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=None if WHOLE else SECONDS,
        check=False,
    )  # fmt: skip
    report = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, report
    return report


def shared(service: Service) -> dict[Role, set[str]]:
    """The operations by who sends them: the first of three roles that may, or else the bureau."""
    sent = {f"{entry.system}.{entry.name}": entry.roles for entry in COMMANDS}
    of: dict[Role, set[str]] = {"public": set(), "unit_head": set(), "jb_supervisor": set()}
    for name, operation in service.operations.items():
        if {} in operation["security"]:
            of["public"].add(name)
        elif "unit_head" in sent.get(name, ()):
            of["unit_head"].add(name)
        else:
            of["jb_supervisor"].add(name)
    return of


@pytest.mark.parametrize("role", ["public", "unit_head", "jb_supervisor"])
def test_three_roles(service: Service, role: Role) -> None:
    """No request meets a fault, and every answer is what the description says."""
    ask(service, role, shared(service)[role], "--phases", "examples,fuzzing")


def test_every_operation_is_asked(service: Service) -> None:
    """Each by one of the three roles."""
    assert set().union(*shared(service).values()) == service.operations.keys()


def test_a_fault_is_found(service: Service) -> None:
    """An answer that the description does not allow fails the check."""
    description = httpx.get(f"{service.address}/v1/openapi.json", timeout=SECONDS).json()
    schema = description["components"]["schemas"]["Index"]
    schema["required"].append("missing")
    schema["properties"]["missing"] = {"type": "string"}
    changed = service.folder / "changed.json"
    changed.write_text(json.dumps(description), "utf-8")
    words = [str(Path(sys.executable).with_name("st")), "run", str(changed)]
    words += ["--url", service.address, "--include-operation-id", "index", "--max-examples", "1"]
    done = subprocess.run(words, cwd=service.folder, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"missing" in done.stdout


@pytest.mark.parametrize("role", full.ROLES if WHOLE else ["credit_officer"])
def test_all_checks(service: Service, role: Role) -> None:
    """In every way: all checks, all phases, and requests that follow from one another.

    ``make soak`` does this with every operation; here one operation shows that it can be done.
    """
    operations: set[str] = set() if WHOLE else {"problems", "problems-one"}
    ask(
        service,
        role,
        operations,
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--checks",
        "all",
    )
