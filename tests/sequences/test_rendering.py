"""Whatever the ledger has recorded, every resource answers every reader."""

from __future__ import annotations

import os
import random
import re
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
from aiohttp.test_utils import TestClient, TestServer

from api.console.pages import PAGES
from tests.sequences.asking import RESOURCES, Fault, Question, ask, grants, questions
from tests.sequences.town import Town
from tests.sequences.walk import Walk

#: How many walks are asked about, and the first seed: more of them for a long search.
ROUNDS = int(os.environ.get("RENDER_ROUNDS", "2"))
SEED = int(os.environ.get("RENDER_SEED", "0"))
#: Steps before each of the moments at which everything is asked.
STRETCHES = tuple(int(n) for n in os.environ.get("RENDER_STEPS", "200,450").split(","))
#: The share of the questions that are asked at each of these moments.
SHARE = float(os.environ.get("RENDER_SHARE", "0.4"))

#: Pages for a session, not for a token; ``tests/api/test_console.py`` asks them.
CONSOLE = {"/console/sign-in", *(re.sub(r":[^}]+}", "}", page.path) for page in PAGES)}


class Faults:
    """What went wrong, a few examples of each kind."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def take(self, question: Question, who: str, fault: Fault, logged: list[Any]) -> None:
        """Note a fault, with the traceback that the service logged, if it did."""
        trace = [str(e["exc_info"]) for e in logged if e.get("exc_info")]
        raised = next((e["exc_info"] for e in logged if e.get("exc_info")), None)
        if isinstance(raised, BaseException):
            trace = traceback.format_exception(raised)[-3:]
        kind = f"{question.resource.path}: {str(fault)[:60]}"
        told = f"{who} {question.path} {dict(question.query)}: {fault} {''.join(trace)}"
        self.found.setdefault(kind, []).append(told)

    def __str__(self) -> str:
        return "\n".join(
            f"{len(examples)} × {kind}\n    {examples[0]}" for kind, examples in self.found.items()
        )


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
async def test_every_resource_answers_every_role(tmp_path: Path, seed: int) -> None:
    """No status from 500 on, every document of its declared type, HEAD as GET, 304 where known."""
    dice = random.Random(seed)
    faults = Faults()
    statuses: Counter[int] = Counter()
    with Town(tmp_path) as town, structlog.testing.capture_logs() as logged:
        walk = Walk(town, dice)
        tokens = {"nobody": None, **grants(town)}
        async with TestClient(TestServer(town.service.app())) as client:
            for steps in STRETCHES:
                walk.go(steps)
                town.caught_up()
                for who, token in tokens.items():
                    known = dice.random() < 0.9
                    for question in questions(town.book, dice, known=known):
                        if dice.random() > SHARE:
                            continue
                        logged.clear()
                        try:
                            twice = dice.random() < 0.25
                            statuses[await ask(client, question, token, twice=twice)] += 1
                        except Fault as fault:
                            faults.take(question, who, fault, logged)
    assert not faults.found, str(faults)
    # Most questions are about something, and some are about what is not there or not theirs.
    assert statuses[200] > 0.4 * statuses.total(), statuses
    assert min(statuses[404], statuses[403]) > 0, statuses


def test_all_that_can_be_asked_is_asked(tmp_path: Path) -> None:
    """The resources that the questions go to are those that the application routes."""
    with Town(tmp_path) as town:
        routed = {
            resource.canonical
            for route in town.service.app().router.routes()
            if route.method == "GET" and (resource := route.resource) is not None
        }
    asked = {r.path.replace(":.+", "") + end for r in RESOURCES for end in ("", *r.suffixes)}
    assert asked | CONSOLE == routed
