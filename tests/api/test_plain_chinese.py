"""Problems in Chinese, as an official reads them: no code stands alone without its Chinese name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from api.http.malformed import decoded
from api.http.problems import Problem, response_to
from api.http.questions import searched, titled
from ledger.kernel.commands import Command
from ledger.kernel.messages import LANGUAGES, Message, catalogue, say
from ledger.registry import COMMANDS
from projections.words import MAX_WORDS
from tests.api.test_parameters import DECLARED
from tools.catalogue import resources

#: Names that officials write as they are, and examples of what to type.
FORMAL = re.compile(
    r"CR-2026-0001@2026-08-01|CloudEvents|Excel|GB 32100|GB/T 4754|C1320"
    r"|RFC \d+|HTTP/1\.1|JSON|CSV|PDF|UTF-8|SHA-256|MessagePack|KiB|UVDRAW-1|USCC|U\+|%2B|base64"
    r"|Authorization: Bearer 令牌|sha-256=:<base64>:|100-continue|gzip|deflate|psn-"
    r"|register:12345|entity:91620100MA7LX0017J|filing\.task-approved|filing\.\*|/occurred_at"
    r"|/body/|/v1/[a-z{}/-]*|\?entity=|\d{4}-\d\d-\d\dT[\d:]+(?:Z|\+08:00)|-?\d+"
)
#: A word of at least two Latin letters that is not within brackets.
ALONE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]")


def alone(text: str) -> list[str]:
    """The codes of a Chinese text outside of brackets."""
    return ALONE.findall(FORMAL.sub("", re.sub(r"（[^（）]*(?:（[^（）]*）)?[^（）]*）", "", text)))


@pytest.mark.parametrize("domain", ["messages", "problems", "rules"])
def test_no_text_names_a_code_without_its_chinese_name(domain: str) -> None:
    """Fields, parameters, commands, headers and values stand in brackets behind their names."""
    told = {
        code: alone(re.sub(r"\{[^{}]*\}", "", text))
        for code, text in catalogue("zh", domain).items()
    }
    #: A header is called by its name where the text says that it is one.
    headers = re.compile(r"请求头 [A-Z][\w-]*|响应头 [A-Z][\w-]*|legal_source 一项|kind 一项")
    left = {
        code: words
        for code, words in told.items()
        if words
        and alone(headers.sub("", re.sub(r"\{[^{}]*\}", "", catalogue("zh", domain)[code])))
    }
    assert left == {}


def in_chinese(problem: Problem) -> list[str]:
    """What an official reads of a problem: its detail and every fault."""
    body = response_to(problem, "zh", instance="/v1/x", request_id="r").body
    assert isinstance(body, bytes)
    document = json.loads(body)
    assert document["title"] != "The request cannot be understood"
    return [document["detail"], *(fault["detail"] for fault in document.get("errors", ()))]


def spoken(told: str) -> str:
    """A text without what was sent, which it repeats in quotes, and without examples."""
    return re.sub(r"'[^']*'不是|没有“[^”]*”|例如“[^”]*”", "", told)


def test_every_fault_of_a_command_is_told_in_chinese() -> None:
    """Whatever is wrong with whichever field: the field's name, what is wrong and what is right."""
    told: dict[str, str] = {}
    for entry in COMMANDS:
        decoder = msgspec.json.Decoder(entry.command)
        for body in _wrong(entry.command):
            try:
                decoded(json.dumps(body).encode(), decoder)
            except Problem as problem:
                told |= dict.fromkeys(in_chinese(problem), entry.name)
    assert {text: name for text, name in told.items() if alone(spoken(text))} == {}


def _wrong(command: type[Command]) -> Iterator[dict[str, Any]]:
    """Bodies with a fault of every kind in every field."""
    fields = [field.encode_name for field in msgspec.structs.fields(command)]
    yield {"none_such": 1}
    for value in (1, "", "nothing", [7, {}, "??"], {}, "2026-13-40"):
        yield dict.fromkeys(fields, value)


def test_who_may_send_is_told_with_the_name_of_the_command() -> None:
    """Every command has a Chinese name where a 401 or 403 names it."""
    for entry in COMMANDS:
        for told in (
            Message("http.needs-token", {"name": entry.name}),
            Message(
                "http.role-may-not-send",
                {"role": "enforcement_officer", "name": entry.name, "roles": sorted(entry.roles)},
            ),
        ):
            words = say(told, "zh")
            assert f"（{entry.name}）" in words
            assert alone(words) == [], words


PARAMETERS = {
    p.name: p for p in (*(p for r in resources() for p in (*r.query, *r.headers)),
                        *(p for _, p in DECLARED))
}  # fmt: skip


def test_every_parameter_has_a_chinese_name() -> None:
    """Its name stands first and its code in brackets, in every message about parameters."""
    for name, parameter in PARAMETERS.items():
        chinese = f"“{titled(name, 'zh')}”（{name}）"
        assert re.search("[\u4e00-\u9fff]", chinese), name
        assert re.search("[A-Za-z]", titled(name, "en"))
        told = [
            say(Message(code, {"name": name, "allowed": ["limit"]}), "zh")
            for code in (
                "http.query-parameter-must-be-given-only-once",
                "http.query-parameter-required",
                "http.unknown-query-parameter",
            )
        ]
        check = parameter.checks()
        for value in ("??", " ", "-1", "x" * 500) if check is not None else ():
            try:
                check(value)
            except Problem as problem:
                told += in_chinese(problem)
        for text in told:
            assert chinese in text, name
            assert alone(spoken(text)) == [], text
    every = say(
        Message("http.unknown-query-parameter", {"name": "x", "allowed": sorted(PARAMETERS)}), "zh"
    )
    assert alone(every) == []


def test_a_search_with_too_many_words_is_refused() -> None:
    """No word is dropped in silence; the message says how many are too many."""
    words = [f"w{number}" for number in range(MAX_WORDS)]
    assert list(searched(words)) == words
    with pytest.raises(Problem) as raised:
        searched([*words, "x"])
    told = raised.value.message
    assert told.code == "http.too-many-words"
    assert told.details == {"max_words": MAX_WORDS, "word_count": MAX_WORDS + 1}
    for language in LANGUAGES:
        assert str(MAX_WORDS + 1) in say(told, language)
