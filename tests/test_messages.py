"""The catalogue of messages: what the code raises is what the files of both languages say."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import ledger.registry  # noqa: F401 - declares every rule
from api.http.problems import KINDS
from ledger.kernel import Malformed, Refusal, Rule, Unavailable, UnknownReference, message
from ledger.kernel.messages import (
    LANGUAGES,
    Message,
    catalogue,
    in_words,
    restored,
    say,
    speaks,
    storable,
)
from ledger.kernel.rules import rules
from projections.explain import replay  # noqa: F401 - declares its exceptions

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("ledger", "projections", "api")

#: Where each of these takes the message: the place of the argument.
TELLING = {
    "message": 0,
    "Malformed": 0,
    "OutOfStep": 0,
    "Forbidden": 0,
    "Unavailable": 0,
    "OutcomeUnknown": 0,
    "KeyReused": 0,
    "InvalidValue": 0,
    "CorrectionImpossible": 0,
    "RecordTooLarge": 0,
    "NothingKnown": 0,
    "Unnamed": 0,
    "NoRoom": 0,
    "Erased": 0,
    "Problem": 1,
    "not_found": 0,
    "unauthenticated": 0,
    "unavailable": 0,
    "busy": 0,
    "UnknownReference": 2,
}
#: These take a message in the same places, and are called as methods.
HINTED = {"known": 1, "own": 1}
#: Arguments of an exception that are not details.
OTHERS = {"pointer", "taken", "because"}
#: A witness answers in a protocol of its own, with its own ``Malformed``.
OWN_WORDS = {"ledger/transparency/witness.py"}

#: Messages without Chinese. It must only ever become smaller.
WITHOUT_CHINESE = 0

EN, ZH = catalogue("en", "messages"), catalogue("zh", "messages")


def fields(text: str) -> set[str]:
    """The details that a text names."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def trees() -> Iterator[tuple[str, ast.Module]]:
    """The source of the program, file by file."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def tellings() -> Iterator[tuple[str, ast.Call, ast.expr]]:
    """Every call that tells a message, where it is, and the argument that is the message."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or path in OWN_WORDS:
                continue
            if isinstance(node.func, ast.Name):
                place = TELLING.get(node.func.id)
            else:
                place = HINTED.get(getattr(node.func, "attr", ""))
            if place is not None and len(node.args) > place:
                yield f"{path}:{node.lineno}", node, node.args[place]


def test_what_is_told_is_a_message() -> None:
    """Nothing that reaches a sender is a sentence in the code, nor made of one."""
    count = 0
    for where, _, told in tellings():
        count += 1
        assert not isinstance(told, ast.JoinedStr), where
        if isinstance(told, ast.Constant) and isinstance(told.value, str):
            assert told.value in EN, f"{where}: {told.value!r} is not in the catalogue"
    assert count > 900


def test_each_message_is_given_the_details_that_it_names() -> None:
    """Neither more, which nobody would read, nor fewer, which would show as question marks."""
    for where, call, told in tellings():
        name = getattr(call.func, "id", "")
        if not isinstance(told, ast.Constant) or name not in TELLING or name == "UnknownReference":
            continue
        given = {keyword.arg for keyword in call.keywords}
        if name == "Problem" or None in given:
            continue  # its members are no details; a spread cannot be read
        if name != "message":
            given -= OTHERS
        assert given == fields(EN[told.value]), f"{where}: {told.value}"


def test_every_message_is_used() -> None:
    """The catalogue holds nothing that the program does not say."""
    said = {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not set(EN) - said


def test_both_languages_name_the_same_details() -> None:
    """A Chinese text leaves out no detail of the English one, and invents none."""
    assert not set(ZH) - set(EN)
    for code, text in ZH.items():
        assert fields(text) == fields(EN[code]), code
    for rule in rules().values():
        for part, english in (("message", rule.message), ("hint", rule.hint)):
            chinese = catalogue("zh", "rules").get(f"{rule.id}.{part}")
            assert chinese is None or fields(chinese) <= fields(english), rule.id


def test_how_many_messages_lack_chinese() -> None:
    """Exactly as many as stated here: a new message needs its Chinese."""
    assert len(set(EN) - set(ZH)) == WITHOUT_CHINESE


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_a_title_and_a_meaning(language: str) -> None:
    """In both languages, and nothing else is in the domain."""
    parts = {f"{name}.{part}" for name in KINDS for part in ("title", "meaning")}
    assert set(catalogue(language, "problems")) == parts


def test_chinese_texts_are_chinese() -> None:
    """Full-width punctuation between Chinese words, and no English sentence."""
    for code, text in [*ZH.items(), *catalogue("zh", "problems").items()]:
        for before, mark, after in zip(text, text[1:], text[2:], strict=False):
            if mark in ",;:!?()" and "\u4e00" <= before <= "\u9fff" and after >= "\u4e00":
                pytest.fail(f"{code}: {text}")


class TestWords:
    """How a message is put into words."""

    TABLE = (
        ("casefiles.list-leaves-out-unit-cases", {"missing_count": 2, "missing": ["A", "B"]}),
        ("general.until-must-not-before", {"on": date(2026, 5, 1), "until": date(2026, 4, 30)}),
        ("penalties.amount-fen-must-be-most-outstanding-part-fine", {"left": 1, "amount_fen": 250}),
    )

    def test_lists_days_and_money(self) -> None:
        """Each as its language writes it; amounts are sent in fen and told in yuan."""
        told = [message(code, **details) for code, details in self.TABLE]
        assert [say(one, "en") for one in told] == [
            "the list leaves out 2 of the unit's cases: A, B",
            "until must not be before 2026-05-01; it is 2026-04-30",
            "amount_fen must be at most 1, the outstanding part of the fine; it is 250",
        ]
        assert [say(one, "zh") for one in told] == [
            "清单遗漏了该单位的2个案件：A、B",
            "截止日（until）不得早于2026年5月1日；填写的是2026年4月30日",
            "缴纳罚款（amount_fen）不得超过尚未缴纳的0.01元；填写的是2.50元",
        ]

    def test_a_message_inside_a_message(self) -> None:
        """It is put into the same words, and is an object of its own among the details."""
        inner = message("catalogue.been-suspended-since", suspended_from=date(2026, 3, 1))
        outer = message("catalogue.officer-barred", officer="OFF-1", barred=inner)
        assert say(outer, "en") == "OFF-1 has been suspended since 2026-03-01"
        assert say(outer, "zh") == "OFF-1：自2026年3月1日起被暂停执法资格"
        assert in_words(outer.details, "zh")["barred"] == {
            "code": "catalogue.been-suspended-since",
            "text": "自2026年3月1日起被暂停执法资格",
            "details": {"suspended_from": date(2026, 3, 1)},
        }

    def test_what_was_stored_says_the_same(self) -> None:
        """In both languages: messages and days come back as they were."""
        inner = message("catalogue.been-suspended-since", suspended_from=date(2026, 3, 1))
        details: Mapping[str, Any] = {"officer": "OFF-1", "barred": inner, "none": None, "n": [1]}
        assert restored(storable(details)) == details

    def test_a_code_that_is_no_longer_known_is_said_as_it_is(self) -> None:
        """An entry of the access ledger may be older than the catalogue."""
        assert say(message("filing.said-long-ago", task="T-1"), "zh") == "filing.said-long-ago"

    def test_a_rule_without_chinese_is_told_in_english(self) -> None:
        """As a whole, and this can be asked before it is told."""
        rule = Rule("TST-R9", "{thing} is locked", "行政处罚法 Art. 1", "Unlock {thing}.")
        refusal = Refusal(rule, thing="T-1")
        assert not speaks("zh", refusal.message)
        assert (say(refusal.message, "zh"), str(refusal.hint)) == ("T-1 is locked", "Unlock T-1.")
        assert refusal.code == "TST-R9"

    def test_the_code_of_a_refusal_is_that_of_its_reason(self) -> None:
        """Not that of a hint, which only its sender reads."""
        rule = Rule("TST-R8", "{thing}: {reason}", "行政处罚法 Art. 1", "{hint}")
        reason, hint = message("filing.names-no-filing"), message("filing.clue")
        refusal = Refusal(rule, hint=hint, thing="T-1", reason=reason)
        assert refusal.code == "filing.names-no-filing"
        assert refusal.named == {"thing": "T-1", "reason": reason}

    def test_exceptions_are_english(self) -> None:
        """For the log and the console."""
        assert str(Malformed("general.text-must-not-blank")) == "the text must not be blank"
        unknown = UnknownReference("task", "T-1", "general.approve-task-first")
        assert str(unknown) == "no task 'T-1' is recorded. Approve the task first."
        assert say(unknown.message, "zh") == "没有检查任务“T-1”的记录。请先批准该检查任务。"
        failed = Unavailable("kernel.store-did-not-take", because="disk full: /var/x")
        assert str(failed) == "the store did not take it: disk full: /var/x"
        assert "disk" not in say(failed.message, "en")

    def test_values_of_the_sender_are_not_read_as_a_text(self) -> None:
        """Braces in a value stay what they are."""
        told = Message("general.verbatim", {"error": "{0.__class__} {error}"})
        assert say(told, "zh") == "{0.__class__} {error}"
