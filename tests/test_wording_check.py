"""The wording check finds each banned phrase and passes over its legitimate neighbours."""

from __future__ import annotations

import pytest

from tools.wording import ALLOWED, PHRASES, ROOT, Place, check, files, hints, main, proses


def found(text: str, path: str = "page.md") -> list[str]:
    return [place.phrase.lower() for place in check(text, path)]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("The roster stands there.", "stands there"),
        ("They stood there in order.", "stood there"),
        ("Its id stands in the event.", "stands in"),
        ("A business stands on a roster.", "stands on"),
        ("It is no number.", "is no number"),
        ("Blank rows are no rows.", "are no rows"),
        ("The visit was no inspection.", "was no inspection"),
        ("Whoever it is need be no unit.", "be no unit"),
        ("This is\nno first violation.", "is no first"),
        ("It is no easy thing.", "is no easy"),
        ("The unit has a period of the own.", "the own"),
        ("The service has an own key.", "an own"),
        ("It lies beside the ledger.", "beside"),
        ("It lies beside, not in it.", "beside"),
        ("The seed shall be announced.", "shall"),
        ("The import goes on.", "goes on"),
        ("Two that went on would fork.", "went on"),
        ("Ask whoever answers.", "whoever"),
        ("Whosoever asks is answered.", "whosoever"),
        ("Until somebody has looked.", "somebody"),
        ("Show whatever there is.", "whatever there is"),
        ("In the same breath it is refused.", "in the same breath"),
        ("Its tiles were not to be had.", "not to be had"),
        ("A piece never changes.", "piece"),
        ("Lacking pieces are listed.", "pieces"),
        ("The roots of one stretch.", "stretch"),
        ("Work over several stretches.", "stretches"),
    ],
)
def test_a_banned_phrase_is_found(text: str, phrase: str) -> None:
    """In a page, and in a docstring, a message, an f-string and a comment of Python."""
    assert phrase in found(text)
    assert phrase in found(f'"""{text}"""\n', "module.py")
    assert phrase in found(f"raise ValueError({text!r})\n".replace("\\n", " "), "module.py")
    assert phrase in found(
        f'raise ValueError(f"{{name!r}}: {text} {{name}}")\n'.replace("\n", " "), "module.py"
    )
    assert phrase in found("".join(f"# {line}\n" for line in text.splitlines()), "module.py")


@pytest.mark.parametrize(
    "text",
    [
        "It is no longer public.",
        "It is no\nlonger public.",
        "There are no more.",
        "The day is no later than the visit.",
        "The second is no faster than the first.",
        "It was no fewer than ten.",
        "It is no one's number.",
        "There is no ledger at this path.",
        "There is\nno ledger at this path.",
        "There can be no leaf 7 in a tree of 5.",
        "Say so if there was no visit.",
        "It is not a number.",
        "Nobody is known.",
        "The owner of the log.",
        "Their own key, and its own name.",
        "Besides, the visit was late.",
        "Deputies stand in for the head.",
        "A stale lock stands in the way.",
        "A token that stands for a person.",
        "The case as it stands.",
        "The standing of an officer.",
        "The import continues; the officer goes on leave.",
        "It goes only so far, and goes once.",
        "However it ends.",
        "Whatever the unit answers is recorded.",
        "A piece of evidence, two pieces of work.",
        "Piecewise, and outstretched.",
        "A marshalled command; shallow copies.",
        "Read it with `ledger.supervision.beside` or ``whoever``.",
        "See [the page](docs/beside.md) at https://example.org/beside/somebody.",
        "The module ledger/supervision/beside.py.",
        "```\ngrep beside whoever\n```",
    ],
)
def test_a_legitimate_neighbour_is_not_found(text: str) -> None:
    """English that only looks like a banned phrase, and code, which has names of its own."""
    assert found(text) == []
    assert found(f'"""{text}"""\n', "module.py") == [] or text.startswith("```")


def test_every_phrase_has_an_example() -> None:
    """No pattern of the table is dead: some example above is found by it alone."""
    (examples,) = (
        mark.args[1]
        for mark in test_a_banned_phrase_is_found.pytestmark
        if mark.name == "parametrize"
    )
    for phrase in PHRASES:
        assert any(phrase.pattern.search(text) for text, _ in examples), phrase.pattern.pattern


def test_code_is_not_prose() -> None:
    """Names, keys, placeholders and strings without a space say nothing to a reader."""
    text = """
from ledger.supervision import beside

pieces = {"pieces": beside.whoever, "stretch": 1}
message = f"{pieces['shall'] + stretch} was {beside.somebody}"
"""
    assert check(text, "module.py") == []


def test_a_place_has_the_line_of_the_phrase() -> None:
    """Inside a docstring, a string of several parts and a comment of several lines."""
    text = '''"""First line.

This one is found: beside.
"""

raise ValueError(
    f"{name} is "
    f"no number, somebody said"
)
# A comment that
# shall be found.
'''
    assert [(place.line, place.phrase) for place in check(text, "module.py")] == [
        (3, "beside"),
        (7, "is no number"),
        (8, "somebody"),
        (11, "shall"),
    ]


def test_a_page_for_browsers_is_read_between_its_tags() -> None:
    """Its scripts have names of their own; its tags have none that a reader sees."""
    page = "<p class='beside'>It shall\n<b>be</b>.</p><script>const stretch = 1;</script>"

    assert found(page, "page.html") == ["shall"]
    assert found("1 < 2, and somebody is > 1.", "page.txt") == ["somebody"]


def test_a_generated_page_is_checked_where_it_comes_from() -> None:
    """Its sentences are docstrings, and are reported in the file that has them."""
    page = "# Rules\n\n<!-- Made from the code by `make docs` -->\n\nIt is no rule.\n"

    assert list(proses(page, "docs/rules.md")) == []
    assert found("# Rules\n\nIt is no rule.\n") == ["is no rule"]


def test_a_quotation_is_allowed_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its file and its words alone."""
    monkeypatch.setitem(ALLOWED, "docs/law.md", ("the log shall append",))

    assert found("RFC: the log shall append. We shall not.", "docs/law.md") == ["shall"]
    assert found("RFC: the log shall append.", "docs/other.md") == ["shall"]


def test_the_project_allows_only_what_it_quotes() -> None:
    """An allowed quotation whose text is gone would silently allow the next one."""
    paths = {p.relative_to(ROOT).as_posix() for p in files(str(ROOT / path) for path in ALLOWED)}

    assert paths == set(ALLOWED)


def test_it_prints_places_and_fails(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """One place a line, with what to write instead; the last line counts them."""
    bad, good = tmp_path / "bad.md", tmp_path / "good.md"
    bad.write_text("It lies beside it.\n", "utf-8")
    good.write_text("It lies next to it.\n", "utf-8")

    assert main([str(bad), str(good)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{bad}:1: beside → alongside, with, next to",
        "banned wording: 1",
    ]
    assert main([str(good)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["--count", str(tmp_path)]) == 1
    assert capsys.readouterr().out.split()[:2] == ["1", str(tmp_path)]


@pytest.mark.parametrize(
    ("text", "is_hinted"),
    [
        ('Malformed(f"{given} lies between the notice and today", "/on")', True),
        ('Malformed(f"{given} must lie between the notice and today", "/on")', False),
        ('OutOfStep(f"a file of {unit} is reviewed by another unit")', True),
        ('OutOfStep(f"{case} is not open")', False),
        ('OutOfStep("name the record first, that carries the class")', False),
        ('Rule("GEN-R1", "{approver} approves the wish of another")', False),
        ('Rule("GEN-R2", "{approver} reviews the file of another unit")', True),
        ('Rule("GEN-R2", "{approver} must review the file of another unit")', False),
        ('KeyError("a file is reviewed by another unit")', False),
    ],
)
def test_a_message_that_states_a_wish_as_a_fact_is_hinted_at(text: str, *, is_hinted: bool) -> None:
    """Present tense, no “must”, nothing denied: a clerk may read the opposite. Never a failure."""
    assert bool([h for h in hints(text, "module.py") if "must" in h.suggestion]) is is_hinted
    assert check(text, "module.py") == []


def test_the_texts_of_a_catalogue_are_prose() -> None:
    """Across the quotes of a text of several lines; a code is not a text."""
    catalogue = 'msgid "a.who-ever-stands-there"\nmsgstr ""\n"who"\n"ever "\n"asks somebody"\n'
    path = "ledger/language/en/messages.po"

    assert [place.phrase for place in check(catalogue, path)] == ["somebody"]
    wish = 'msgid "a.b"\nmsgstr "a file of {unit} is reviewed by another unit"\n'
    assert [hint.line for hint in hints(wish, path)] == [2]
    assert hints(wish.replace("is reviewed", "must be reviewed"), path) == []


def test_hints_name_empty_names_and_clauses() -> None:
    """A reader decides; the status stays what the phrases say."""
    text = '"""What follows differs too."""\nfound = 1\n\n\ndef f(what: int) -> None: ...\n'

    assert [(hint.line, hint.suggestion) for hint in hints(text, "module.py")] == [
        (1, "name the agent, then the act"),
        (2, "name the thing"),
        (5, "name the thing"),
    ]
    assert str(Place("a.py", 1, "x", "y", is_hint=True)) == "a.py:1: hint: x → y"
    assert hints("What follows differs too.", "page.md") == []
