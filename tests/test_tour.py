"""docs/tour.md is sent, block by block and day by day, to a running service; README cites it."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from api.http.commands import DRY_RUNS
from api.service import Service
from ledger.kernel.events import CIVIL_ZONE
from ledger.registry import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
#: The heading of a day, or a block to be sent.
STEP = re.compile(
    r"^## (?P<day>\d{4}-\d\d-\d\d) · "
    r"|```http\n(?P<method>GET|POST) (?P<path>\S+) as (?P<who>\w+) → (?P<status>\d+)"
    r"(?: (?P<rule>[A-Z]+-R\d+))?\n(?P<body>.*?)```",
    re.DOTALL | re.MULTILINE,
)
#: A line of README's short tour: ``POST /v1/…`` and the rule that refuses it, if one does.
CITED = re.compile(r"^\| [^|]+ \| `(?:POST|GET) ([^`]+)`(?: → `([A-Z]+-R\d+)`)? \|", re.MULTILINE)
BUSINESS = "91620100MA7LX0084G"


def blocks() -> list[dict[str, str]]:
    """The days and blocks of the tour, in order."""
    text = (ROOT / "docs" / "tour.md").read_text("utf-8")
    found = [match.groupdict(default="") for match in STEP.finditer(text)]
    assert sum(bool(one["method"]) for one in found) == text.count("```http") > 40
    assert found[0]["day"], "nothing is sent before a day is named"
    return found


class Walk:
    """A service, its tokens, and a clock that looks every night between the days of the tour."""

    def __init__(self, path: Path) -> None:
        self.now = datetime(2026, 1, 1, 9, tzinfo=CIVIL_ZONE)
        self.service = Service(f"sqlite:///{path}", clock=lambda: self.now)
        #: The id of what was requested last, of which the next block says whether it is approved.
        self.approval = ""
        create = self.service.tokens.create
        self.tokens = {
            "JB": create("JB", "JB-001", "jb_supervisor"),
            "HEAD": create("MRB", "HEAD-001", "unit_head"),
            "OFFICER": create("MRB", "OFF-001", "enforcement_officer"),
            "EDB": create("EDB", "EDB-001", "credit_officer"),
            "EDB2": create("EDB", "EDB-002", "credit_officer"),
            "BUSINESS": create("ENTITY", "REP-001", "entity_rep", entity=BUSINESS),
        }

    def until(self, day: str, *, look: bool) -> None:
        """Nine in the morning of a day; with ``look`` the clock looks at every midnight before."""
        morning = datetime.combine(datetime.fromisoformat(day), time(9), CIVIL_ZONE)
        while look and self.now.date() < morning.date():
            self.now = datetime.combine(self.now.date() + timedelta(days=1), time(0, 5), CIVIL_ZONE)
            self.service.clock.tick()
        self.now = morning

    async def send(self, client: TestClient[Any, Any], block: dict[str, str]) -> None:
        """Send a block; the answer has to be what the tour says of it.

        A command is tried first: the dry run answers alike and records nothing.
        """
        self.service.follower.wait_for(self.service.recorder.head(), 10)
        tried = await self.try_(client, block) if block["method"] == "POST" else {}
        response = await client.request(
            block["method"],
            block["path"],
            data=block["body"].replace("<approval>", self.approval).encode()
            if block["method"] == "POST"
            else None,
            headers={
                "Authorization": f"Bearer {self.tokens[block['who']]}",
                "Content-Type": "application/json",
            },
        )
        said = await response.read()
        assert response.status == int(block["status"]), f"{block['path']}: {said.decode()}"
        answer = json.loads(said) if response.content_type.endswith("json") else {}
        if block["method"] == "POST":
            if answer.get("events") and not await self.reads(client, block["who"], answer):
                del answer["events"][0]["body"]
            assert alike(tried) == alike(answer)
        if block["path"] == "/v1/grading/override-grade" and response.status == 201:
            self.approval = answer["events"][0]["body"]["approval"]
        assert answer.get("rule_id", "") == block["rule"]
        if block["method"] == "GET" and block["body"]:
            assert shows(answer, json.loads(block["body"])), f"{block['path']}: {answer}"

    async def try_(self, client: TestClient[Any, Any], block: dict[str, str]) -> Any:
        """Send a command as a dry run and return the answer."""
        head, keys = self.service.recorder.head(), self.keys()
        response = await client.post(
            block["path"],
            params={"dry_run": "true"},
            data=block["body"].replace("<approval>", self.approval).encode(),
            headers={
                "Authorization": f"Bearer {self.tokens[block['who']]}",
                "Content-Type": "application/json",
            },
        )
        assert (self.service.recorder.head(), self.keys()) == (head, keys)
        return await response.json()

    async def reads(self, client: TestClient[Any, Any], who: str, answer: Any) -> bool:
        """Return whether the sender may read the first event that its command recorded.

        A dry run shows no body of an event that its sender could not read afterwards.
        """
        position = answer["events"][0]["position"]
        self.service.follower.wait_for(self.service.recorder.head(), 10)
        response = await client.get(
            f"/v1/events/{position}", headers={"Authorization": f"Bearer {self.tokens[who]}"}
        )
        assert response.status in {200, 404}
        return response.status == 200

    def keys(self) -> int:
        """Return how many keys the vault holds."""
        with sqlite3.connect(self.service.vault.path) as vault:
            return int(vault.execute("SELECT count(*) FROM keys").fetchone()[0])


def alike(answer: Any) -> Any:
    """Return what the answers to a command and to its dry run have in common."""
    if "events" in answer:
        return [
            (event["type"], sorted(event["body"]) if "body" in event else None)
            for event in answer["events"]
        ]
    return {name: value for name, value in answer.items() if name != "request_id"}


def shows(answer: Any, part: Any) -> bool:
    """Whether an answer holds what the tour shows of it; of a list, its first items."""
    if isinstance(part, dict):
        return isinstance(answer, dict) and all(
            name in answer and shows(answer[name], value) for name, value in part.items()
        )
    if isinstance(part, list):
        return len(answer) >= len(part) and all(map(shows, answer, part))
    return bool(answer == part)


async def test_every_block_of_the_tour_answers_as_it_says(tmp_path: Path) -> None:
    """What the tour shows a newcomer works as written, refusals included."""
    walk = Walk(tmp_path / "ledger.db")
    begun = False
    with walk.service as service:
        app = service.app()
        app[DRY_RUNS].per_minute = 1_000
        async with TestClient(TestServer(app)) as client:
            for block in blocks():
                if block["day"]:
                    walk.until(block["day"], look=begun)
                    begun = True
                else:
                    await walk.send(client, block)


def test_what_the_readme_cites_is_in_the_tour() -> None:
    """In the order of the tour, with the rule that the tour shows."""
    cited = CITED.findall((ROOT / "README.md").read_text("utf-8"))
    assert len(cited) > 10
    told = iter((block["path"], block["rule"]) for block in blocks())
    for one in cited:
        assert one in told, f"{one} is not in the tour, or not in this order"


def test_every_address_in_the_readme_is_served(tmp_path: Path) -> None:
    """No resource is cited that is not there, and no system with commands is left out."""
    text = "".join((ROOT / page).read_text("utf-8") for page in ("README.md", "docs/operating.md"))
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}") as service:
        served = {pattern(resource.canonical) for resource in service.app().router.resources()}
    cited = {pattern(path) for path in re.findall(r"`(/v1/[^`?\s]*)[^`]*`", text)}
    assert len(cited) > 50
    assert {path for path in cited if not path.endswith("/")} - served == set()
    named = set(re.findall(r"`([a-z]+)`", text))
    assert {entry.system for entry in COMMANDS} - named == set()


#: What README says that everybody reads, and where that is.
EVERYBODYS = {
    "profiles": "/v1/entities",
    "published matters": "/v1/matters",
    "plans": "/v1/plans",
    "decisions": "/v1/decisions",
    "draws and their results": "/v1/draws",
    "lists": "/v1/serious-list",
    "statistics": "/v1/annual-statistics",
    "published assessments": "/v1/assessments",
}


async def test_what_the_readme_says_of_reading_is_so(tmp_path: Path) -> None:
    """Addresses with a query are answered as they stand there; the public's need no token."""
    text = (ROOT / "README.md").read_text("utf-8")
    said = " ".join(text.split("Everybody else reads")[1].split(".")[0].split())
    assert said.endswith("without a token: " + ", ".join(EVERYBODYS))
    asked = re.findall(r"`(/v1/[^`{\s]*\?[^`\s]*)`", text)
    assert len(asked) > 4
    walk = Walk(tmp_path / "ledger.db")
    with walk.service as service:
        async with TestClient(TestServer(service.app())) as client:
            for path in EVERYBODYS.values():
                assert (await client.get(path)).status == 200, path
            headers = {"Authorization": f"Bearer {walk.tokens['JB']}"}
            for path in asked:
                assert (await client.get(path, headers=headers)).status == 200, path


def pattern(path: str) -> str:
    """A path with its variable parts alike."""
    return re.sub(r"\{[^}]*\}", "{}", path)
