"""Answers in Chinese and English: which one, what the headers say of it, and what each says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from api.http.front import Edge
from api.http.languages import chosen
from api.http.problems import KINDS, Problem, response_to
from ledger.kernel import Malformed, message
from ledger.kernel.messages import LANGUAGES, catalogue
from tests.api.conftest import Face
from tests.cast import E_A
from tests.scenarios.world import World

ZH, EN = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}, {"Accept-Language": "en"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        yield world


@pytest.mark.parametrize(
    ("accepted", "of_zh", "of_en"),
    [
        ("", "zh", "en"),
        ("zh", "zh", "zh"),
        ("zh-CN", "zh", "zh"),
        ("zh-Hans", "zh", "zh"),
        ("ZH-hant-tw", "zh", "zh"),
        ("en", "en", "en"),
        ("en-GB,en-US;q=0.9", "en", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh", "zh"),
        ("en;q=0.8, zh;q=0.9", "zh", "zh"),
        ("en ; q = 0.3 , zh ; q = 0.2", "en", "en"),
        ("en,zh", "en", "en"),
        ("fr", "zh", "en"),
        ("fr,en;q=0.1", "en", "en"),
        ("fr, *;q=0.5", "zh", "en"),
        ("*", "zh", "en"),
        ("*, zh;q=0.5", "en", "en"),
        ("en;q=0", "zh", "en"),
        ("zh;q=0", "zh", "en"),
        ("zh;q=0, *;q=0.1", "en", "en"),
        ("en;q=2, zh;q=0.1", "zh", "zh"),
        ("zh;q=1.000,en;q=0.001", "zh", "zh"),
        ("english", "zh", "en"),
        (",,;q=1,en", "en", "en"),
        ("x" * 10_000, "zh", "en"),
        (",".join(["fr"] * 19 + ["en"]), "en", "en"),
        (",".join(["fr"] * 20 + ["zh"]), "zh", "en"),
    ],
)
def test_the_language_is_chosen_by_the_caller(accepted: str, of_zh: str, of_en: str) -> None:
    """By quality, then by order; the service's own where no language of ours is preferred."""
    assert (chosen(accepted, "zh"), chosen(accepted, "en")) == (of_zh, of_en)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", KINDS)
def test_a_problem_of_each_kind(name: str, language: str) -> None:
    """Title and detail are in the language that the headers name, and the code is the same."""
    problem = Problem(name, message("general.until-must-not-before", on="X", until="Y"))
    answer = response_to(problem, language, instance="/v1/x", request_id="r")
    assert isinstance(answer.body, bytes)
    document = json.loads(answer.body)
    assert answer.headers["Content-Language"] == language
    assert answer.headers["Vary"] == "Accept-Language"
    assert document["title"] == catalogue(language, "problems")[f"{name}.title"]
    assert document["code"] == "general.until-must-not-before"
    assert document["details"] == {"on": "X", "until": "Y"}
    assert (
        document["detail"]
        == {
            "en": "until must not be before X; it is Y",
            "zh": "截止日（until）不得早于X；填写的是Y",
        }[language]
    )


def test_what_has_no_chinese_is_told_in_english_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Title too, and the header says so."""
    texts = dict(catalogue("zh", "messages"))
    del texts["general.text-must-not-blank"]
    monkeypatch.setattr(
        "ledger.kernel.messages.catalogue",
        lambda language, domain: (
            texts if (language, domain) == ("zh", "messages") else catalogue(language, domain)
        ),
    )
    error = Malformed("general.text-must-not-blank", pointer="/x")
    answer = response_to(error, "zh", instance="/v1/x", request_id="r")
    assert isinstance(answer.body, bytes)
    document = json.loads(answer.body)
    assert answer.headers["Content-Language"] == "en"
    assert document["title"] == "The request cannot be understood"
    assert document["detail"] == "the text must not be blank"


async def test_what_the_service_answers_without_a_handler(make_face: Callable[..., Any]) -> None:
    """Whatever refuses a request, it is told in the caller's language, or else in the service's."""
    face: Face = await make_face(edge=Edge(language="zh"))
    asked = {
        "/v1/none": 404,
        "/v1/feed?limit=0": 400,
        "/v1/feed?limit=x&wat=1": 400,
        "/problems/none": 404,
    }
    for path, status in asked.items():
        for headers, language in ((ZH, "zh"), (EN, "en"), ({}, "zh")):
            answer = await face.get(path, face.jb, headers=headers)
            document = await answer.json()
            assert (answer.status, answer.headers["Content-Language"]) == (status, language)
            assert document["title"] == KINDS[document["type"].split("/")[-1]].title(language)
            assert document["detail"].isascii() == (language == "en"), document
    answer = await face.client.delete("/v1/feed", headers=ZH)
    assert (await answer.json())["detail"] == (
        "这个地址不能用于删除（DELETE），只能用于查看（GET）。请核对地址和操作方式。"
    )


async def test_a_fault_of_a_body_is_told_in_chinese(face: Face) -> None:
    """The decoder's English is taken apart; the pointer and the code stay the same."""
    for body, code, detail in (
        ({}, "http.field-missing", "请填写"),
        (
            {"thing": 1},
            "http.other-type-expected",
            "thing：填写的内容类型不对：应为文字，实际填写的是整数",
        ),
        (
            {"thing": "T", "wat": 1},
            "http.fault-allowed",
            "没有“wat”这一项，请核对名称或者删去；可填写：",
        ),
    ):
        answer = await face.post("note-thing", body, headers=ZH)
        document = await answer.json()
        assert (answer.status, document["code"]) == (400, code)
        assert document["detail"].startswith(detail), document
        english = await (await face.post("note-thing", body, headers=EN)).json()
        assert english["detail"].isascii()
        assert (english["code"], english["pointer"]) == (code, document["pointer"])


async def test_an_etag_of_words_depends_on_the_language(face: Face) -> None:
    """So no cache gives a reader the words of another language."""
    chinese, english = (
        await face.get("/problems", headers=ZH),
        await face.get("/problems", headers=EN),
    )
    assert chinese.headers["ETag"] != english.headers["ETag"]
    for answer, language in ((chinese, "zh"), (english, "en")):
        assert answer.headers["Content-Language"] == language
        assert "Accept-Language" in answer.headers["Vary"]
    known = {"If-None-Match": english.headers["ETag"]}
    assert (await face.get("/problems", headers=EN | known)).status == 304
    again = await face.get("/problems", headers=ZH | known)
    assert again.status == 200
    assert (await again.json())[0]["title"] == "填写内容有误"


async def test_a_refusal_in_both_languages(world: World) -> None:
    """The reason has the same code, and is an object among the details."""
    await world.given_matter("M-101")
    task = world.task("T-1", E_A, "2026-05-11", kind="special", trigger="plan")
    answers = {}
    for headers, language in ((ZH, "zh"), (EN, "en")):
        answer = await world.client.post(
            "/v1/filing/approve-task",
            json=task,
            headers={**headers, "Authorization": f"Bearer {world.tokens['MRB head']}"},
        )
        answers[language] = await answer.json()
        assert answer.status == 422, answers
        # A rule without Chinese would be told in English as a whole.
        has_chinese = "FIL-R2.message" in catalogue("zh", "rules")
        spoken_zh = "zh" if has_chinese else "en"
        assert answer.headers["Content-Language"] == (spoken_zh if language == "zh" else "en")
    zh, en = answers["zh"], answers["en"]
    assert zh["rule_id"] == en["rule_id"]
    assert zh["code"] == en["code"]
    assert "." in zh["code"]
    (name,) = [n for n, value in zh["details"].items() if isinstance(value, dict)]
    assert zh["details"][name]["code"] == en["details"][name]["code"] == zh["code"]
    assert zh["details"][name]["text"] == catalogue(spoken_zh, "messages")[zh["code"]]
    assert en["details"][name]["text"] in en["detail"]


async def test_the_access_ledger_is_read_in_both_languages(world: World) -> None:
    """It keeps the code and the details; the reader's language makes the words."""
    await world.given_matter("M-101")
    task = world.task("T-1", E_A, "2026-05-11", kind="special", trigger="plan")
    problem = await world.refused("FIL-R2", "MRB head", "filing/approve-task", **task)
    shown = {}
    for headers, language in ((ZH, "zh"), (EN, "en")):
        answer = await world.client.get(
            "/v1/access",
            params={"kind": "refusal"},
            headers={**headers, "Authorization": f"Bearer {world.tokens['JB']}"},
        )
        assert answer.headers["Content-Language"] == language
        assert "Accept-Language" in answer.headers["Vary"]
        (shown[language],) = (await answer.json())["items"]
    english, chinese = shown["en"]["body"], shown["zh"]["body"]
    assert english["message"] == problem["message"]
    assert english["code"] == chinese["code"] == problem["code"]
    assert english["details"]["reason"] == problem["details"]["reason"]
    assert chinese["details"]["reason"]["text"] == catalogue("zh", "messages")[english["code"]]
    assert not shown["en"]["message_as_recorded"]
