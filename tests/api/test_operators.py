"""Operators: what they may ask, that two of them make a token good, and what they never see."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import re
from collections.abc import AsyncIterator, Callable
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest

from api.app import RESOURCES as OWN
from api.cli.command_line import main
from api.http.tokens import Tokens, digest_of, draw
from api.operations.operators import (
    REBUILD_OPERATION,
    TOKEN_OPERATIONS,
    TOKEN_RESOURCES,
    VIEW_RESOURCES,
)
from api.sealed.persons import RESOURCES as PERSONS
from api.service import Service
from api.views import RESOURCES as VIEWS
from ledger.general.vocabulary import Role, same_person
from ledger.kernel import codec
from ledger.opening import sibling
from ledger.registry import COMMANDS
from ledger.stores.sqlite import SQLiteRecorder
from ledger.verification import verify_records
from tests.cast import E_A, E_C
from tests.scenarios.world import World

ROLES = [role for role in get_args(Role) if role != "operator"]
GRANTS = "/v1/operations"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        create = world.service.tokens.create
        world.tokens |= {
            "op": create("IT", "OP-1", "operator"),
            "op again": create("IT", "OP-1", "operator"),
            "op shouting": create("IT", "op-1", "operator"),
            "second": create("MRB", "OP-2", "operator"),
            "MRB op": create("MRB", "HEAD-MRB", "operator"),
            "nobody": "",
        }
        yield world


def wide(text: str) -> str:
    """The same text in the full-width forms of its characters."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


async def ask(world: World, who: str, path: str, body: Any = None, **headers: str) -> Any:
    """Status and document of an answer."""
    token = world.tokens[who]
    if token:
        headers["Authorization"] = f"Bearer {token}"
    method = "GET" if body is None else "POST"
    answer = await world.client.request(method, path, json=body, headers=headers)
    return answer.status, await answer.json(content_type=None)


async def requested(world: World, token: str, who: str = "op", **changed: Any) -> Any:
    body = {"unit": "MRB", "person": "HEAD-9", "role": "unit_head", "digest": digest_of(token)}
    return await ask(world, who, f"{GRANTS}/request-token", {**body, **changed})


async def decided(world: World, who: str, request: str, what: str = "approve") -> Any:
    body = {"request": request}
    if what == "decline":
        body["reason"] = "unknown holder"
    return await ask(world, who, f"{GRANTS}/{what}-token", body)


def recorded(world: World) -> list[Any]:
    """The events about tokens in the access ledger, with their records' bytes."""
    found = world.service.access.recorder.read()
    return [
        (codec.decode(s.position, s.event.data), s.event.data)
        for s in found
        if s.event.type.startswith("access.token")
    ]


class TestWhoMayAsk:
    """The operator's role opens what belongs to operation, and nothing else does."""

    async def test_metrics(self, world: World) -> None:
        """401 without a token, 403 for every other role, the counters for an operator."""
        create = world.service.tokens.create
        assert (await world.client.get("/metrics")).status == 401
        for role in ROLES:
            entity = E_A if role == "entity_rep" else None
            world.tokens[role] = create("U", "P", role, entity=entity)
            headers = {"Authorization": f"Bearer {world.tokens[role]}"}
            assert (await world.client.get("/metrics", headers=headers)).status == 403, role
        headers = {"Authorization": f"Bearer {world.tokens['op']}"}
        assert (await world.client.get("/metrics", headers=headers)).status == 200

    async def test_readyz(self, world: World) -> None:
        """Everybody is told one word; the parts are for operators."""
        for who in ("nobody", "JB", "public", "MRB head"):
            assert await ask(world, who, "/readyz") == (200, {"status": "ready"})
        status, report = await ask(world, "op", "/readyz")
        assert (status, report["status"]) == (200, "ready")
        assert {"store", "clock", "vault", "findings"} <= report["parts"].keys()
        world.service.vault.path.rename(world.path.with_suffix(".gone"))
        for who in ("nobody", "JB"):
            assert await ask(world, who, "/readyz") == (503, {"status": "unready"})
        status, report = await ask(world, "op", "/readyz")
        assert (status, report["parts"]["vault"]["ready"]) == (503, False)

    async def test_operations(self, world: World) -> None:
        """Operators' resources are 401 or 403 for all others, as commands are for an operator."""
        for who in ("nobody", "JB", "RLO", "MRB head", "public", "E-A"):
            wanted = 403 if world.tokens[who] else 401
            for resource in (*VIEW_RESOURCES, *TOKEN_RESOURCES):
                assert (await ask(world, who, resource.path))[0] == wanted
            for operation in (*TOKEN_OPERATIONS, REBUILD_OPERATION):
                assert (await ask(world, who, operation.path, {}))[0] == wanted
        body = {"unit": "MRB", "name": "x", "kind": "organ", "valid_from": "2020-01-01"}
        assert (await ask(world, "MRB op", "/v1/catalogue/qualify-unit", body))[0] == 403

        status, found = await ask(world, "op", f"{GRANTS}/views")
        assert status == 200
        assert {one["view"] for one in found["items"]} == world.service.views.views.keys()
        assert all(one["state"] == "following" for one in found["items"])

    async def test_a_view_is_rebuilt(self, world: World) -> None:
        """An operator asks for it, sees how far it is, and the view follows again."""
        await world.given_region()
        place = world.recorder.head()
        assert world.service.follower.wait_for(place, 60)
        status, rebuild = await ask(world, "op", f"{GRANTS}/rebuild-view", {"view": "units"})
        assert (status, rebuild["state"]) == (202, "waiting")
        for _ in range(600):
            _, found = await ask(world, "op", f"{GRANTS}/views")
            view = next(one for one in found["items"] if one["view"] == "units")
            if view["rebuild"]["state"] not in ("waiting", "running"):
                break
            await asyncio.sleep(0.02)
        assert (view["rebuild"]["state"], view["rebuild"]["position"]) == ("done", place)
        assert (view["state"], view["position"]) == ("following", place)
        assert {unit["unit"] for unit in (await world.get("JB", "/v1/units"))["items"]} >= {"MRB"}
        for view_name, wanted in (("no_such_view", 404), ("../x", 422)):
            status, _ = await ask(world, "op", f"{GRANTS}/rebuild-view", {"view": view_name})
            assert status in (wanted, 400), view_name


class TestBusiness:
    """An operator reads what the public reads, whatever unit, person or entity the token names."""

    async def test_an_operator_reads_as_the_public(self, world: World) -> None:
        """Every resource answers an operator of a unit as it answers the public."""
        await world.given_region()
        await world.given_matter("M-101")
        await world.given_plan([3])
        world.at("2026-03-16")
        await world.send(
            "E-C",
            "filing/report-irregular-visit",
            irregular_visit="IV-SECRET",
            entity=E_C,
            reporter="entity",
            visited_on="2026-03-13",
            facts="来了两个人",
            unit="MRB",
            matters=["M-101"],
            officers_seen=1,
        )
        world.service.follower.wait_for(world.recorder.head(), 5)
        known = {"uscc": E_C, "entity": E_C, "unit": "MRB", "matter": "M-101", "position": "*"}
        paths = [
            path
            for resource in (*OWN, *VIEWS)
            for path in _paths(resource.path, known, world.recorder.head())
            # How far systems have read, and who asks, are no business data.
            if not path.startswith(("/metrics", "/readyz", GRANTS, "/v1/feed/readers", "/v1/me"))
        ]
        told = 0
        for path in paths:
            public = await ask_text(world, "public", path)
            seen = await ask_text(world, "MRB op", path)
            assert seen == public, path
            told += public[0] == 200
            if public[0] == 200:
                assert "IV-SECRET" not in seen[1]
        assert told > 40
        assert "IV-SECRET" in (await ask_text(world, "JB", "/v1/feed?limit=1000"))[1]


class TestRefusedByName:
    """A refusal names the role of the token that was sent, and no other as its sender's."""

    @pytest.mark.parametrize("role", [*ROLES, "operator"])
    async def test_every_refused_route(self, world: World, role: Role) -> None:
        """Every resource and every command: who is refused reads the role that the token names."""
        entity = E_A if role == "entity_rep" else None
        world.tokens[role] = world.service.tokens.create("U", "P", role, entity=entity)
        refused = 0
        known = {"uscc": E_C, "entity": E_C, "position": "1"}
        for resource in (*OWN, *VIEWS, *PERSONS):
            for path in _paths(resource.path, known, 1):
                if resource.path.startswith(("/v1/feed", "/docs", "/static")):
                    continue
                status, told = await ask_text(world, role, path, renamed=False)
                refused += self.named(role, path, status, told)
        for entry in COMMANDS:
            path = f"/v1/{entry.system}/{entry.name}"
            status, answer = await ask(world, role, path, {})
            if status == 403:
                refused += self.named(role, path, status, answer["detail"].partition(";")[0])
        assert refused > 20

    @staticmethod
    def named(role: str, path: str, status: int, told: str) -> bool:
        if status != 403:
            return False
        others = re.findall(r"[Tt]he role (\w+)", told)
        assert set(others) <= {role}, (path, told)
        return bool(others)


async def ask_text(world: World, who: str, path: str, *, renamed: bool = True) -> tuple[int, str]:
    """Status and text, but for the id of the request and the role that a refusal names."""
    headers = {"Authorization": f"Bearer {world.tokens[who]}", "X-Request-Id": "r"}
    answer = await world.client.get(path, headers=headers)
    text = await answer.text()
    if renamed:
        text = text.replace("role operator", "role public")
        text = text.replace('"role":"operator"', '"role":"public"')
    return answer.status, text


def _paths(template: str, known: dict[str, str], head: int) -> list[str]:
    parts = [
        known.get(part[1:-1], "X-1") if part.startswith("{") else part
        for part in template.split("/")
    ]
    path = "/".join(parts)
    return [path.replace("*", str(n)) for n in range(1, head + 1, 9)] if "*" in path else [path]


class TestTokens:
    """Two persons make a token good; its holder alone ever has it."""

    async def test_granted(self, world: World) -> None:
        """Requested by one, approved by another: good from then on, recorded, and shown to none."""
        token = draw()
        status, shown = await requested(world, token)
        assert (status, shown["state"], shown["token"]) == (201, "pending", digest_of(token)[:16])
        assert world.service.tokens.lookup(token) is None
        status, shown = await decided(world, "second", shown["request"])
        assert (status, shown["state"], shown["approved_by"]) == (200, "granted", "OP-2")
        grant = world.service.tokens.lookup(token)
        assert grant is not None
        assert (grant.unit, grant.person, grant.role) == ("MRB", "HEAD-9", "unit_head")
        (asked, _), (granted, _) = recorded(world)
        actors = [one.envelope.actor.person_id for one in (asked, granted)]
        assert actors == ["OP-1", "OP-2"]
        event = granted.event
        assert (event.holder, event.role, event.unit) == ("HEAD-9", "unit_head", "MRB")
        assert (event.requested_by, event.approved_by) == ("OP-1", "OP-2")
        texts = b"".join(data for _, data in recorded(world)).decode("utf-8", "replace")
        for path in ("tokens", "token-requests"):
            texts += json.dumps(await ask(world, "op", f"{GRANTS}/{path}"))
        assert token not in texts
        assert token.removeprefix("slt_") not in texts
        access = SQLiteRecorder(sibling(world.path, "access"), read_only=True)
        with access:
            assert verify_records(access).faults == ()

    async def test_nobody_approves_for_themselves(self, world: World) -> None:
        """Not with another token of the same person, nor by other capitals, nor as its holder."""
        token = draw()
        _, shown = await requested(world, token)
        for who in ("op", "op again", "op shouting"):
            assert (await decided(world, who, shown["request"]))[0] == 403
        assert world.service.tokens.lookup(token) is None
        assert len(recorded(world)) == 1
        _, shown = await requested(world, token, person="OP-2", role="operator")
        assert (await decided(world, "second", shown["request"]))[0] == 403
        assert world.service.tokens.lookup(token) is None

    async def test_declined(self, world: World) -> None:
        """A request that was declined is never approved."""
        token = draw()
        _, shown = await requested(world, token)
        assert (await decided(world, "second", shown["request"], "decline"))[0] == 200
        assert (await decided(world, "second", shown["request"]))[0] == 409
        assert world.service.tokens.lookup(token) is None
        _, found = await ask(world, "op", f"{GRANTS}/token-requests?state=declined")
        assert [one["request"] for one in found["items"]] == [shown["request"]]

    async def test_an_interrupted_approval(self, world: World) -> None:
        """The grant was recorded and the token is not there: the approver alone finishes it."""
        token = draw()
        _, shown = await requested(world, token)
        await decided(world, "second", shown["request"])
        with world.service.tokens.tables.writing() as tables:
            tables.execute("DELETE FROM {s}tokens WHERE person = 'HEAD-9'")
        assert (await decided(world, "MRB op", shown["request"]))[0] == 409
        assert (await decided(world, "second", shown["request"]))[0] == 200
        assert world.service.tokens.lookup(token) is not None
        assert len(recorded(world)) == 2

    async def test_revoked(self, world: World) -> None:
        """One operator ends a token; it is recorded once, and no approval brings it back."""
        token = draw()
        _, shown = await requested(world, token)
        await decided(world, "second", shown["request"])
        for _ in range(2):
            status, entry = await ask(
                world, "op", f"{GRANTS}/revoke-token", {"token": shown["token"]}
            )
            assert (status, entry["revoked_at"] is None) == (200, False)
        assert world.service.tokens.lookup(token) is None
        with world.service.tokens.tables.writing() as tables:
            tables.execute("DELETE FROM {s}tokens WHERE person = 'HEAD-9'")
        assert (await decided(world, "second", shown["request"]))[0] == 409
        assert world.service.tokens.lookup(token) is None
        last, _ = recorded(world)[-1]
        assert len(recorded(world)) == 3
        assert (last.event.token, last.event.revoked_by) == (shown["token"], "OP-1")
        unknown = {"token": "0" * 16}
        assert (await ask(world, "op", f"{GRANTS}/revoke-token", unknown))[0] == 404

    async def test_a_digest_of_somebody_elses_token(self, world: World) -> None:
        """Nobody is given what another holds already: not by a request, not by an approval."""
        other = world.tokens["JB"]
        _, shown = await requested(world, other)
        assert (await decided(world, "second", shown["request"]))[0] == 409
        grant = world.service.tokens.lookup(other)
        assert grant is not None
        assert grant.role == "jb_supervisor"
        token = draw()
        _, first = await requested(world, token)
        _, again = await requested(world, token, person="HEAD-10")
        assert (await decided(world, "second", first["request"]))[0] == 200
        assert (await decided(world, "second", again["request"]))[0] == 409
        assert (await requested(world, token))[0] == 409

    async def test_impossible(self, world: World) -> None:
        """What no token can be is malformed."""
        for changed in (
            {"unit": "M RB"},
            {"unit": ""},
            {"person": "张三"},
            {"role": "emperor"},
            {"role": "entity_rep"},
            {"entity": E_A},
            {"digest": "xyz"},
            {"digest": "A" * 64},
            {"expires_on": "2025-12-31"},
            {"secret": "x"},
        ):
            assert (await requested(world, draw(), **changed))[0] == 400, changed
        assert not recorded(world)

    async def test_sent_twice(self, world: World) -> None:
        """A request with the same Idempotency-Key is one request."""
        body = {"unit": "U", "person": "P", "role": "public", "digest": digest_of(draw())}
        path = f"{GRANTS}/request-token"
        answers = [await ask(world, "op", path, body, **{"Idempotency-Key": "k"}) for _ in range(2)]
        assert [status for status, _ in answers] == [201, 200]
        assert answers[0][1]["request"] == answers[1][1]["request"]

        # The digest of anything but a drawn token may be approved, and is good for nothing.
        _, shown = await requested(world, "slt_password")
        assert (await decided(world, "second", shown["request"]))[0] == 200
        assert world.service.tokens.lookup("slt_password") is None

        # Supervisors find it by who requested, approved or holds.
        for query in ("kind=token", "kind=token&person=OP-1", "kind=token&holder=HEAD-9"):
            found = await world.client.get(
                f"/v1/access?{query}", headers={"Authorization": f"Bearer {world.tokens['JB']}"}
            )
            items = (await found.json())["items"]
            assert {one["type"] for one in items} == {
                "access.token-requested",
                "access.token-granted",
            }


class TestCommandLine:
    """Whoever holds the files acts alone, but for operators; all of it is recorded."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        Service(url).close()
        return url

    def events(self, url: str) -> list[Any]:
        with SQLiteRecorder(sibling(Path(url.removeprefix("sqlite:///")), "access")) as recorder:
            return [codec.decode(s.position, s.event.data).event for s in recorder.read()]

    def test_recorded(
        self, url: str, capsys: pytest.CaptureFixture[str], run: Callable[..., int]
    ) -> None:
        """Creating and revoking are recorded with the account that did it, and no token."""
        assert run("token", "create", "MRB", "HEAD-1", "unit_head", "--ledger", url) == 0
        token = capsys.readouterr().out.strip()
        assert run("token", "revoke", token, "--ledger", url) == 0
        assert run("token", "revoke", token, "--ledger", url) == 2
        granted, revoked = self.events(url)
        assert (granted.holder, granted.requested_by[:3], granted.approved_by) == (
            "HEAD-1",
            "os:",
            None,
        )
        assert (revoked.token, revoked.revoked_by) == (granted.token, granted.requested_by)
        assert granted.token == digest_of(token)[:16]

    def test_an_operator_needs_two(self, url: str, run: Callable[..., int]) -> None:
        """The first operators come from here, each with a second person who is another one."""
        create = ("token", "create", "IT", "OP-1", "operator", "--ledger", url)
        for wrong in ((), ("--second", "op-1"), ("--second", "张三")):
            assert run(*create, *wrong) == 2
        assert not self.events(url)
        own = self.token(url, "HEAD-1", "unit_head")
        assert run(*create, "--second", "HEAD-1", typed=own) == 0
        (granted,) = self.events(url)
        assert (granted.holder, granted.approved_by) == ("OP-1", "HEAD-1")

    @pytest.mark.parametrize("form", ["{}", " {} ", "os:{}", "OS:{}", "\u200b{}", "\ufeff{}"])
    @pytest.mark.parametrize("change", [str, str.upper, str.title, wide])
    def test_whoever_runs_it_is_no_second_person(
        self, url: str, run: Callable[..., int], form: str, change: Callable[[str], str]
    ) -> None:
        """Neither the account that runs it nor the holder is the second, however it is written."""
        own = self.token(url, "HEAD-1", "unit_head")
        for person in (pwd.getpwuid(os.getuid()).pw_name, "OP-1"):
            named = form.format(change(person))
            create = ("token", "create", "IT", "OP-1", "operator", "--ledger", url)
            assert run(*create, "--second", named, typed=own) == 2
            assert same_person(named, person)
        assert not self.events(url)

    def test_the_second_confirms(
        self, url: str, capsys: pytest.CaptureFixture[str], run: Callable[..., int]
    ) -> None:
        """Only by a good token of their own, in office; a name that somebody types is nobody."""
        ended = self.token(url, "HEAD-1", "unit_head")
        with Tokens.open(sibling(Path(url.removeprefix("sqlite:///")), "tokens")) as tokens:
            tokens.revoke(ended)
        wrong = (
            "",
            "HEAD-1",
            draw(),
            ended,
            self.token(url, "HEAD-2", "unit_head"),
            self.token(url, "HEAD-1", "public"),
        )
        for typed in wrong:
            for role in ("operator", "unit_head"):
                create = ("token", "create", "IT", "OP-1", role, "--ledger", url)
                assert run(*create, "--second", "HEAD-1", typed=typed) == 2
                assert "must confirm this with their own valid token" in capsys.readouterr().err
        assert not self.events(url)

    @staticmethod
    def token(url: str, person: str, role: Role) -> str:
        with Tokens.open(sibling(Path(url.removeprefix("sqlite:///")), "tokens")) as tokens:
            return tokens.create("JB", person, role)

    def test_impossible(
        self, url: str, capsys: pytest.CaptureFixture[str], run: Callable[..., int]
    ) -> None:
        """A unit that no record can name is refused with what it must be."""
        assert run("token", "create", "M RB", "P", "unit_head", "--ledger", url) == 2
        assert "the unit of a token must be" in capsys.readouterr().err
        assert not self.events(url)

    def test_drawn(self, capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
        """A holder draws a token; the digest is what an operator is told."""
        assert run("token", "draw") == 0
        said = capsys.readouterr()
        assert digest_of(said.out.strip()) in said.err

    @pytest.fixture
    def run(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
        def run(*words: str, typed: str = "") -> int:
            monkeypatch.setattr("sys.stdin", StringIO(f"{typed}\n"))
            try:
                main(words)
            except SystemExit as end:
                return int(end.code or 0)
            return 0

        return run


def test_a_file_of_an_earlier_program(tmp_path: Path) -> None:
    """It gains the columns that it lacks, and its tokens stay good."""
    path = tmp_path / "t.db"
    with Tokens.open(path) as tokens:
        token = tokens.create("MRB", "P", "office_head")
        with tokens.tables.writing() as tables:
            for column in ("requested_by", "approved_by"):
                tables.execute(f"ALTER TABLE tokens DROP COLUMN {column}")
    with Tokens.open(path) as tokens:
        assert tokens.lookup(token) is not None
        assert tokens.list()[0].approved_by is None
