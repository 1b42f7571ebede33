"""What an import says is said in Chinese too, every sentence of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ledger.intake
from ledger.intake.wording import SENTENCES, in_chinese, in_language, language_of_terminal

SOURCES = sorted(Path(ledger.intake.__file__).parent.rglob("*.py"))
#: The calls that say something, and the places of the sentence among their arguments.
SAYING = {
    "BadRow": 1,
    "warn": 1,
    "_warn": 1,
    "_Rejected": 1,
    "WorkbookError": 0,
    "TextError": 0,
    "ImportFailed": 0,
    "of": 2,
    "where": 1,
}
#: These sentences follow the name of a file, or of a column.
LED = {"WorkbookError": "t.xlsx {}.", "TextError": "t.xlsx {}.", "of": "名称 {}"}


def said(node: ast.expr) -> list[str]:
    """What a sentence may read as: each of its values is a letter that no pattern knows."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        texts = [""]
        for part in node.values:
            values = said(part.value) if isinstance(part, ast.FormattedValue) else said(part)
            texts = [text + (value or "乙") for text in texts for value in values]
        return texts
    if isinstance(node, ast.IfExp):
        return [*said(node.body), *said(node.orelse)]
    return [""]


def sentences() -> Iterator[tuple[str, str]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = SAYING.get(name)
            if place is None or len(node.args) <= place:
                continue
            if name == "of" and getattr(getattr(node.func, "value", None), "id", "") != "Fault":
                continue
            for text in said(node.args[place]):
                if re.search(r"[a-z]{2,} [a-z]", text):
                    yield f"{path.name}:{node.lineno}", LED.get(name, "{}").format(text)


@pytest.mark.parametrize(("place", "text"), list(sentences()))
def test_every_sentence_of_the_intake_is_said_in_chinese(place: str, text: str) -> None:
    """The Chinese one is Chinese: besides names and codes no English word is left in it."""
    chinese = in_chinese(text)
    assert chinese is not None, f"{place}: {text!r} is not in ledger/intake/wording.py"
    assert not re.search(r"\b(the|is|has|it|and|not|must|no|was)\b", chinese), chinese


def test_there_are_sentences_to_look_at() -> None:
    """The walk over the sources finds what is there."""
    assert len(list(sentences())) > 60


@pytest.mark.parametrize(("english", "chinese"), SENTENCES)
def test_both_sentences_say_the_same_values(english: str, chinese: str) -> None:
    """A Chinese sentence names nothing that the English one does not."""
    assert set(re.findall(r"\{(\w+)\}", chinese)) <= set(re.findall(r"\{(\w+)\}", english))


def test_values_are_taken_over_and_sentences_within_are_translated() -> None:
    assert (
        in_chinese("score must be a whole number; it is 'many'") == "“score”必须是整数；现为'many'"
    )
    assert in_chinese("score 'many' is no whole number") == "“score”的值'many'不是整数"
    assert (
        in_chinese("地址 holds a mobile number, which is not repeated here (bad-地址)")
        == "“地址”中含有手机号码，此处不再写出（原因代码：bad-地址）"
    )
    assert in_chinese("t.xlsx: hidden columns are not read: 甲, 乙") == (
        "t.xlsx：隐藏的列未读取：甲, 乙"
    )
    assert in_language("something else", "zh") == "something else"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_CN"}, "zh"),
        ({"LC_ALL": "", "LANG": "de_DE"}, "en"),
    ],
)
def test_the_terminal_says_which_language(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language_of_terminal() == language
