"""The district of ``make run``: every list shows something, and what it prints works."""

from __future__ import annotations

import shlex
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from api.cli.demo import _of_district
from api.district.story import DAYS, tell
from api.district.table import district
from api.http.commands import DRY_RUNS, path_of
from api.http.probes import Probes
from api.service import Service
from api.systems.nextcommands import _example
from ledger.general.vocabulary import Role
from ledger.kernel import civil_date, codec
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.memory import recorded_at
from ledger.kernel.subjects import subject_fields
from ledger.registry import COMMANDS
from ledger.verification import verify_records
from tests.api.district_ledger import NOW, tokens_of
from tests.api.oracle import subjects

#: Soon after the turn of the year.
ANOTHER = datetime(2027, 2, 1, 12, tzinfo=CIVIL_ZONE)

#: Lists that a district without troubles, witnesses or other systems does not fill.
EMPTY = {
    "/v1/log/witnesses": "filled by the witnesses that a log is started with",
    "/v1/names": "names only the subjects that the question lists",
    "/v1/operations/token-requests": "filled by an operator who asks for another's token",
    "/v1/sharing/webhooks": "filled by a subscriber who names an address that takes messages",
}

Client = TestClient[Any, Any]


async def test_every_list_shows_something(
    district_service: Service, district_client: TestClient
) -> None:
    """To somebody, on its first page."""
    tokens = tokens_of(district_service)
    empty = set()
    for resource in district_client.server.app.router.resources():  # type: ignore[attr-defined]
        path = resource.canonical
        if set("{.") & set(path) or not path.startswith("/v1/") or not _gets(resource):
            continue
        for token in tokens.values():
            answer = await district_client.get(path, headers={"Authorization": f"Bearer {token}"})
            if answer.status == 200 and answer.content_type == "application/json":
                document = await answer.json()
                if not isinstance(document, dict) or "items" not in document:
                    break
                if document["items"]:
                    empty.discard(path)
                    break
                empty.add(path)
    assert empty == set(EMPTY)


def _gets(resource: object) -> bool:
    return any(route.method == "GET" for route in resource)  # type: ignore[attr-defined]


def test_every_system_has_recorded_something(district_service: Service) -> None:
    """Of those that take commands."""
    systems = {stored.event.type.split(".")[0] for stored in district_service.recorder.read()}
    assert systems >= {entry.system for entry in COMMANDS}


def test_one_token_for_each_role() -> None:
    """Of everybody who can hold one; the clock holds none."""
    shown = [person.role for person in district().person if person.shown]
    roles = set(Role.__args__)  # type: ignore[attr-defined]
    assert sorted(shown) == sorted(roles - {"ledger_clock"})


async def test_what_is_printed_works(
    district_service: Service, district_client: TestClient
) -> None:
    """The three requests are answered, the tokens open, and the missing calendar is said."""
    address = str(district_client.make_url("")).rstrip("/")
    lines = _of_district(district_service, address)
    pasted = [shlex.split(line) for line in lines if line.startswith("curl ")]
    assert len(pasted) == 3
    for words in pasted:
        headers = dict(
            words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"
        )
        answer = await district_client.get(words[-1].removeprefix(address), headers=headers)
        assert answer.status == 200, words
        document = await answer.json()
        assert document.get("items", True), "it shows something"
    tokens = [last for line in lines if (last := line.rsplit(" ", 1)[-1]).startswith("slt_")]
    assert len(tokens) == len(Role.__args__) - 1  # type: ignore[attr-defined]
    for token in tokens:
        answer = await district_client.get(
            "/v1/units", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status == 200
    ends = [line.rpartition(" ")[2] for line in lines if not line.startswith("curl ")]
    pages = [end for end in ends if end.startswith(f"{address}/")]
    assert f"{address}/console" in pages
    for page in pages:
        answer = await district_client.get(page.removeprefix(address))
        assert answer.status == 200, page
    signed_in = await district_client.post(
        "/console/sign-in", data={"token": tokens[0]}, allow_redirects=False
    )
    assert (signed_in.status, signed_in.headers["Location"]) == (303, "/console")
    assert any("2027年工作日历尚未发布" in line for line in lines)


async def test_no_dry_run_is_a_fault(
    district_service: Service, district_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every role tries each of its commands with subjects of the district and made-up values."""
    app = district_client.server.app  # type: ignore[attr-defined]
    monkeypatch.setattr(app[DRY_RUNS], "per_minute", 10_000)
    monkeypatch.setattr(Probes, "spend", lambda probes, sender: None)
    stored = district_service.recorder.read()
    ids = subjects(codec.decode(record.position, record.event.data) for record in stored)
    tokens = tokens_of(district_service)
    statuses: Counter[int] = Counter()
    for person in {person.role: person for person in district().person}.values():
        own = {"unit": person.unit} | ({"entity": person.entity} if person.entity else {})
        for entry in COMMANDS:
            for turn in range(2) if person.role in entry.roles else ():
                some = {kind: known[turn % len(known)] for kind, known in ids.items()}
                named = {f: (some | own).get(k, "A-1") for f, k in subject_fields(entry.command)}
                body = dict(_example(entry.command))
                body |= {field: named[field] for field in named if field in body or turn}
                answer = await district_client.post(
                    f"{path_of(entry)}?dry_run=true",
                    json=body,
                    headers={"Authorization": f"Bearer {tokens[person.key]}"},
                )
                assert answer.status != 500, (person.key, entry.name, body)
                statuses[answer.status] += 1
    assert statuses[200] > 100


def test_its_records_are_sound(district_service: Service) -> None:
    """As those of any ledger; the days reach back as far as the story, and not beyond today."""
    assert verify_records(district_service.recorder).faults == ()
    moments = [
        recorded_at(district_service.recorder, at) for at in (1, district_service.recorder.head())
    ]
    first, last = (civil_date(moment) for moment in moments if moment is not None)
    assert (NOW.date() - first).days == DAYS
    assert last <= NOW.date()


def test_it_can_be_told_on_another_day(tmp_path: Path) -> None:
    """No step of it is refused when holidays and years fall differently."""
    told = f"sqlite:///{tmp_path / 'ledger.db'}"
    days: list[date] = []
    tell(told, ANOTHER, days.append)
    assert days[-1] == ANOTHER.date()
    assert len(days) == DAYS
