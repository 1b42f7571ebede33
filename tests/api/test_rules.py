"""What the service says of its rules, deadlines and policies is what its tables say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.contract.rules import Rules, ShownRule
from api.views import RESOURCES, readiness
from ledger.kernel import Ledger, Rule
from ledger.kernel.deadlines import deadline_rules
from ledger.registry import COMMANDS
from projections.follower import Follower
from projections.opening import open_views
from tests.api.answers import faults_at
from tests.empty import lay_views
from tests.projections.facts import Past, caps
from tools import applying
from tools.reference import declared

RULES = {rule.id: rule for rule in declared(Rule)}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def past(ledger: Ledger) -> Past:
    return Past(ledger.recorder)


@pytest.fixture
def follower(ledger: Ledger, tmp_path: Path) -> Iterator[Follower]:
    lay_views(tmp_path / "ledger.db")
    views = open_views(f"sqlite:///{tmp_path / 'ledger.db'}")
    with Follower(ledger.recorder, views) as opened_follower:
        opened_follower.start()
        yield opened_follower
    views.close()


@pytest.fixture
async def face(make_face: Callable[..., Any], follower: Follower) -> Any:
    return await make_face(views=follower, resources=RESOURCES, readiness=readiness(follower))


async def asked(face: Any, path: str, language: str = "zh") -> Any:
    """What is answered without a token, which must be of the declared type."""
    answer = await face.get(path, headers={"Accept-Language": language})
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Language"] == language
    assert "Accept-Language" in answer.headers["Vary"]
    body = await answer.read()
    assert not faults_at(path.partition("?")[0], body)
    return msgspec.json.decode(body)


def test_the_table_is_as_the_sources_say() -> None:
    """Which commands apply a rule, and which tests hold it."""
    assert applying.TABLE.read_text("utf-8") == applying.text(), "run `make docs`"


def test_a_rule_is_applied_and_tested() -> None:
    """Each has a test that exists; each that refuses has a command that exists."""
    known = {f"{entry.system}/{entry.name}" for entry in COMMANDS}
    for rule, applied in applying.table().items():
        assert applied.tests, rule
        assert set(applied.commands) <= known, rule
        assert applied.commands or RULES[rule].kind == "finding", rule
        for test in applied.tests:
            assert (ROOT / test.partition("::")[0]).is_file()


def test_which_commands_apply_a_rule() -> None:
    """Those whose class reaches the rule by name, through functions of other modules too."""
    table = applying.table()
    assert table["SUP-R1"].commands == ("filing/approve-task",)
    assert "penalties/decide-penalty" in table["PEN-R1"].commands
    assert "filing/approve-task" not in table["PEN-R1"].commands


async def test_all_rules_in_one_request(face: Any) -> None:
    """Each in both languages, as it is declared; the list and the single one are alike."""
    listed = msgspec.convert(await asked(face, "/v1/rules"), Rules)
    shown = {rule.id: rule for rule in listed.items}

    assert set(RULES) <= set(shown)
    for name, rule in RULES.items():
        assert (shown[name].messages.en, shown[name].hints.en) == (rule.message, rule.hint)
        assert shown[name].message == shown[name].messages.zh != rule.message
        assert (shown[name].law, shown[name].kind) == (rule.law, rule.kind)
        assert (shown[name].policy is None) == (rule.policy_key is None)
    one = msgspec.convert(await asked(face, "/v1/rules/FIL-R4", "en"), ShownRule)
    assert one.message == one.messages.en
    assert one.details == ("reason",)
    assert msgspec.structs.replace(one, message=one.messages.zh, hint=one.hints.zh) == shown[one.id]
    assert (await face.get("/v1/rules/FIL-R99")).status == 404


async def test_the_value_of_the_policy_on_a_day(face: Any, past: Past) -> None:
    """Today's version by default; on another day the one in force then; none before the first."""
    past.add(caps(1))
    at = past.add(caps(3, version=2, since="2099-01-01"))
    values = {}
    for day in ("", "&valid_as_of=2099-02-01", "&valid_as_of=2001-01-01"):
        rule = await asked(face, f"/v1/rules/SUP-R1?at_least={at}{day}")
        policy = rule["policy"]
        assert (policy["key"], policy["unit"]) == ("visit_cap", "table")
        assert policy["title"] == policy["titles"]["zh"] == "入企检查年度频次上限"
        values[day] = policy["version"]
    assert list(values.values()) == [1, 2, None]


async def test_deadline_rules(face: Any) -> None:
    """Each with the events that open and discharge it, and the rule that missing it breaks."""
    items = (await asked(face, "/v1/deadline-rules"))["items"]
    shown = {item["name"]: item for item in items}

    assert set(shown) == set(deadline_rules())
    for name, rule in deadline_rules().items():
        item = shown[name]
        assert item["opened_by"] == rule.opened_by.TOPIC
        assert item["raises"] == (rule.finding and rule.finding.id)
        if not name.startswith("tests."):
            assert item["titles"]["zh"] != name != item["titles"]["en"]
        if rule.finding is not None and name == "triage_wd":
            broken = await asked(face, f"/v1/rules/{rule.finding.id}")
            assert name in broken["deadlines"]
    assert await asked(face, "/v1/deadline-rules/triage_wd") == shown["triage_wd"]
    assert (await face.get("/v1/deadline-rules/none")).status == 404


async def test_a_policy_says_what_it_sets(face: Any, past: Past) -> None:
    """Its title in both languages, its source, and the rules whose number it is."""
    past.add(caps(1))
    at = past.add(caps(3, version=2, since="2099-01-01"))
    policy = await asked(face, f"/v1/policies/visit_cap?at_least={at}", "en")

    assert policy["title"] == policy["titles"]["en"] == "Annual cap of visits"
    assert policy["legal_source"] == policy["versions"][0]["source"]
    assert "SUP-R1" in policy["rules"]
    later = await asked(face, "/v1/policies/visit_cap?valid_as_of=2099-02-01", "en")
    assert later["in_force"] == 2
    assert later == await asked(face, "/v1/policies/visit_cap?on=2099-02-01", "en")
    assert (await asked(face, "/v1/policies"))["items"][0]["title"] == policy["titles"]["zh"]
