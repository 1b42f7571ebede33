"""UVDRAW-1 in three languages: what Python draws, Go and JavaScript draw too, to the byte."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from ledger.systems.draws import uvdraw
from tests.cast import PREFIX
from tests.examples import examples
from tests.go_programs import build
from tests.page_scripts import answers

# One worker builds the Go programs, one after another.
HERE = Path(__file__).parent
VECTORS = {
    "A": ("0017J", "0025D", "00338", "00413", "005XT"),
    "B": ("0068T", "0076M", "0084G"),
    "C": ("0092B", "01051"),
    "D": ("0113U", "0121N"),
}
#: S4 and S5 of the rulebook.
PUBLISHED: dict[str, Any] = {
    "entries": [
        {"uscc": PREFIX + code, "grade": grade}
        for grade, codes in VECTORS.items()
        for code in codes
    ],
    "draw": "DRAW-2026-0007",
    "seed": "20260719|08 14 17 22 29 31 05|3518.76",
    "strata": [["A", "0.05"], ["B", "0.20"], ["C", "0.50"], ["D", "1.00"]],
    "by": "grade",
    "reserves": 1,
    "officers": [f"OFF-00{number}" for number in range(1, 7)],
}

codes = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=1, max_size=18)
# Whatever may stand in a value: other scripts, quotes, controls, what JSON writers escape, and
# characters that UTF-16 orders otherwise than UTF-8.
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="|")
    | st.sampled_from("\u2028<&\x7f"),
    min_size=1,
    max_size=8,
)
ratios = st.integers(0, 10_000).map(lambda n: f"{n / 10_000:.4f}") | st.sampled_from(
    ["0", "1", "0.5"]
)
weights = st.integers(1, 40)


@st.composite
def draws(draw: st.DrawFn) -> dict[str, Any]:
    """A draw of any kind: by grade or by risk, with weights or without, over any codes."""
    by, keys = draw(st.sampled_from([("grade", "ABCD"), ("risk", ("low", "mid", "high"))]))
    size = draw(st.integers(0, 40))
    members = draw(st.lists(codes | texts, min_size=size, max_size=size, unique=True))
    weighted = draw(st.booleans())
    entries = []
    for uscc in members:
        entry: dict[str, Any] = {"uscc": uscc, "grade": draw(st.sampled_from("ABCD"))}
        entry[by] = draw(st.sampled_from(keys))
        if weighted and draw(st.booleans()):
            entry["weight"] = draw(weights)
        if draw(st.booleans()):
            entry["domain"] = draw(texts)
        entries.append(entry)
    return {
        "entries": entries,
        "draw": draw(st.text("DRAW-0123456789/", min_size=1, max_size=20)),
        "seed": uvdraw.seed_of(draw(st.lists(texts, min_size=1, max_size=4))),
        "strata": [[key, draw(ratios)] for key in keys],
        "by": by,
        "reserves": draw(st.integers(0, 5)),
        "officers": draw(st.lists(codes, max_size=6, unique=True)),
    }


@cache
def cases() -> tuple[dict[str, Any], ...]:
    """The published draw, and two hundred others that are the same in every run."""
    found: list[dict[str, Any]] = [PUBLISHED]

    @examples(
        200,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(draws())
    def collect(case: dict[str, Any]) -> None:
        found.append(case)

    collect()
    return tuple(found)


def by_python(case: dict[str, Any]) -> dict[str, Any]:
    """What the service draws, from the stored bytes as it does."""
    lines = uvdraw.roster_lines(case["entries"])
    roster = uvdraw.roster_bytes(lines)
    strata = uvdraw.draw_roster(
        roster,
        case["draw"],
        case["seed"],
        dict(case["strata"]),
        by=case["by"],
        reserves=case["reserves"],
    )
    selection = uvdraw.selection_lines(strata)
    return {
        "roster_hash": uvdraw.roster_hash(roster),
        "roster_root": uvdraw.roster_root(lines),
        "quotas": [[one.key, one.quota, one.size] for one in strata],
        "selection_hash": uvdraw.roster_hash(uvdraw.roster_bytes(selection)),
        "selection_root": uvdraw.roster_root(selection),
        "selection": [line.decode() for line in selection],
        "orders": [
            uvdraw.officer_order(case["seed"], case["draw"], entry["uscc"], case["officers"])
            for entry in case["entries"]
        ],
    }


def agree(program: dict[str, Any]) -> None:
    """Hold a program's answers against ours, draw by draw."""
    theirs = program["draws"]
    assert len(theirs) == len(cases())
    for case, found in zip(cases(), theirs, strict=True):
        assert found == by_python(case), case


def test_the_cases_are_of_every_kind() -> None:
    """Two hundred and more, with weights and without, of both kinds of strata, none and all."""
    assert len(cases()) > 200
    assert {case["by"] for case in cases()} == {"grade", "risk"}
    weighed = [any("weight" in one for one in case["entries"]) for case in cases()]
    assert 20 < sum(weighed) < len(cases()) - 20
    shares = {one["inclusion_prob"] for case in cases() for one in selected(case)}
    assert "1" in shares
    # Which two hundred they are depends on the constants that hypothesis finds in the program.
    assert len(shares) > 50


def selected(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in by_python(case)["selection"]]


def test_go_draws_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Written from the description alone, in another language, without a line of ours."""
    done = subprocess.run(
        [str(build(HERE / "uvdraw_stranger/main.go", tmp_path_factory))],
        input=json.dumps({"draws": cases()}),
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    agree(json.loads(done.stdout))


def test_the_page_draws_the_same() -> None:
    """The script that the page runs, run by Node."""
    agree(answers(draws=cases()))
