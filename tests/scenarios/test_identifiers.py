"""Identifiers and identities of businesses, through HTTP: forgiving where that is safe."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import E_C
from tests.scenarios.world import World, rules

REGISTER, REVISE = "entities/register-entity", "entities/revise-entity"
#: Made up, right by both checks: a citizen's number that GB 32100 would take for a business's.
PERSONS = ("321102197001014275", "331102197001010356")
ODD = "91620100MA7LX0071J"


async def test_small_letters_and_blanks_are_forgiven_everywhere(world: World) -> None:
    """In bodies, in paths and in filters; 404 is for what is not there."""
    small = f" {E_C.lower()}　"
    world.at("2026-05-11")
    await world.send("EDB", REVISE, entity=small, identity={"name": "丙"}, reason="名称变更")
    profile = await world.get("public", f"/v1/entities/{E_C.lower()}/profile")
    assert (profile["entity"], profile["identity"]["name"]) == (E_C, "丙")
    trail = await world.get("JB", f"/v1/entities/{E_C.lower()}/trail")
    assert trail["entries"]
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-1", small))
    cases = await world.get("MRB head", "/v1/cases", entity=E_C.lower())
    assert [one["case"] for one in cases["items"]] == ["CASE-1"]
    page = await world.get("JB", "/v1/feed", subject=f"entity:{E_C.lower()}")
    assert page["events"]
    assert await world.status("JB", "/v1/entities/91620100ma7lx0017j/profile") == 404


async def test_a_citizens_number_is_no_business(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused wherever a business is named, and neither answered nor logged."""
    for person in (*PERSONS, "idcard:110101190001011009"):
        number = person.rpartition(":")[2]
        for who, command, body in (
            ("EDB", REGISTER, {"identity": {"name": "某个体户"}}),
            ("MRB head", "penalties/file-case", world.case("CASE-1", person)),
        ):
            problem = await world.send(who, command, expect=400, **{**body, "entity": person})
            assert problem["pointer"] == "/entity"
            assert number not in str(problem)
        assert number not in "".join(capsys.readouterr())


async def test_what_a_register_shows_is_taken_with_a_reference_to_it(world: World) -> None:
    """An odd check character, or a number that could be somebody's; marked, and then usable."""
    body: dict[str, Any] = {
        "identity": {"name": "某厂"},
        "register_ref": "国家企业信用信息公示系统",
    }
    assert (await world.send("EDB", REGISTER, entity="91100000100003962T", **body))["events"]
    for entity, what in ((ODD, "check_character"), (PERSONS[0], "personal_number")):
        without = {"entity": entity, "identity": body["identity"]}
        problem = await world.send("EDB", REGISTER, expect=400, **without)
        assert "register_ref" in problem["detail"]
        await world.send("EDB", REGISTER, entity=entity, **body)
        profile = await world.get("public", f"/v1/entities/{entity}/profile")
        assert profile["odd_id"] == {"what": what, "register_ref": body["register_ref"]}
        answer = await world.send(
            "MRB head", "penalties/file-case", **world.case(f"CASE-{what}", entity)
        )
        assert rules(answer) == []
    assert "odd_id" not in await world.get("public", "/v1/entities/91100000100003962T/profile")
    await world.send("EDB", REGISTER, expect=400, entity="91990100MA7LX0017J", **body)


#: What no identity holds, and where it is found.
UNFIT: list[tuple[dict[str, Any], str]] = [
    (
        {"name": "某商行", "details": {"法定代表人": "110101190001011009"}},
        "/details/法定代表人",
    ),
    ({"name": "某商行", "details": {"13900000000": "电话"}}, "/details"),
    ({"name": "某商行", "address": "某路1号 电话139 0000 0000"}, "/address"),
    ({"name": "某商行 110101190001011009"}, "/name"),
    ({"name": "某商行", "line": "零售 13900000000"}, "/line"),
    ({"name": "某商行", "area": "一三九零零零零零零零零"}, "/area"),
    ({"name": " 　\t"}, "/name"),
    ({"name": "\u200b\u2060"}, "/name"),
    ({"name": "\u3164"}, "/name"),
    ({"name": "某\u200b商行"}, "/name"),
    ({"name": "某\u034f商行"}, "/name"),
    ({"name": "某\u202e行商"}, "/name"),
    ({"name": "某\x07商行"}, "/name"),
    ({"name": "某商行", "address": "一路\n二路"}, "/address"),
]


async def test_an_identity_is_what_everybody_may_read(world: World) -> None:
    """No number of a person, nothing that nobody sees; told where, when registered or revised."""
    head = world.recorder.head()
    for identity, pointer in UNFIT:
        for command, body in (
            (REGISTER, {"entity": "reg-x:4"}),
            (REVISE, {"entity": E_C, "reason": "变更"}),
        ):
            problem = await world.send("EDB", command, expect=400, identity=identity, **body)
            assert problem["pointer"] == f"/identity{pointer}", identity
            assert "110101190001011009" not in str(problem)
    assert world.recorder.head() == head


async def test_blanks_around_an_identity_are_dropped(world: World) -> None:
    identity = {"name": " \ufeff某商行\u3000", "address": "一路1号 \u200b"}
    answer = await world.send("EDB", REGISTER, entity="reg-x:4", identity=identity)
    assert answer["events"][0]["body"]["identity"] == {"name": "某商行", "address": "一路1号"}


async def test_names_are_found_however_they_are_written(world: World) -> None:
    """Compatibility forms, full width, decomposed, in any case; former names, and said so."""
    names = {
        "91620100MA7LX0092B": "兰州新区\uf9e1记食品店",
        "91620100MA7LX0121N": "ＡＢＣ食品有限公司",
        "91620100MA7LX0068T": "Cafe\u0301 100％有限公司",
        "91620100MA7LX0084G": "旧名食品有限公司",
    }
    for entity, name in names.items():
        await world.send("EDB", REGISTER, entity=entity, identity={"name": name})
    revise = {"identity": {"name": "新名食品有限公司"}, "reason": "名称变更"}
    await world.send("EDB", REVISE, entity="91620100MA7LX0084G", **revise)
    for asked, found in (
        ("兰州新区李记", ["91620100MA7LX0092B"]),
        ("ABC食品", ["91620100MA7LX0121N"]),
        ("ａｂｃ食品", ["91620100MA7LX0121N"]),
        ("café 100%", ["91620100MA7LX0068T"]),
        ("新名", ["91620100MA7LX0084G"]),
        ("旧名食品", ["91620100MA7LX0084G"]),
        ("名食品", []),
        ("旧_食品", []),
    ):
        items = (await world.get("public", "/v1/entities", name=asked))["items"]
        assert [one["entity"] for one in items] == found, asked
        assert all(one.get("former_name", False) is asked.startswith("旧") for one in items)
