"""Secrecy holds in what is not said: an oracle over every resource, for every role (2.17)."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest

from api import views
from api.app import RESOURCES
from api.sealed import evidence, persons, publicdoor
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.kernel import Recorded
from tests.api.oracle import (
    LAST,
    READERS,
    UNIT,
    Answer,
    Facts,
    Placed,
    Ranks,
    Shelf,
    addresses,
    answer,
    exact,
    hidden_from,
    secrets,
    together,
)

#: Where something is shown by what its event's audience is not told: the page, the types of the
#: events, and why. Everything else that these pages show is compared without such events.
TASKS = r"/v1/tasks(/[^/?]+)?(\?|$)|/v1/summary\?of=(tasks|visits)"
COMPLAINTS = r"/v1/complaints(/[^/?]+)?(\?|$)"
SHOWN: Mapping[str, Collection[str]] = {
    # The rulebook has these counted in public; no case, business or day is named (2.6, 2.7).
    r"/v1/leniency-statistics": {"leniency.leniency-applied", "penalties.penalty-decided"},
    r"/v1/observation-statistics": {"observation.observation-granted"},
    # Published for everybody; the events are the authorities', so that a feed can be unsaid.
    # The page of a decision follows its record: it is gone once that has ended (2.17). It says how
    # the decision was corrected; commands name the business in that, and golden bytes leave it out.
    r"/v1/decisions(/[^/?]+(/payment)?)?(\?|$)": {
        "corrections.decision-altered",
        "corrections.decision-declared-unlawful",
        "corrections.decision-declared-void",
        "corrections.decision-revoked",
        # Commands name the business of a suit too.
        "corrections.litigation-concluded",
        "credit.credit-record-entered",
        "credit.publicity-bounds-moved",
        "credit.publicity-reinstated",
        "credit.publicity-started",
        "credit.publicity-terminated",
        "penalties.decision-published",
        "penalties.decision-withdrawn",
    },
    r"/v1/acts(/[^/?]+)?(\?|$)": {"publicity.act-published", "publicity.act-decided"},
    # Who may enforce is published beforehand; why a certificate was suspended is not (2.8).
    r"/v1/(officer-lists|officers(\?|$)|units/[^/?]+(\?|$))": {
        "catalogue.officer-certified",
        "catalogue.officer-certificate-suspended",
    },
    # A visit that has opened is everybody's. How many were drawn is published with the draw.
    TASKS: {"filing.on-site-inspection-opened"},
    r"(/v1/targets|/v1/draws/[^/]+/targets)(\?|$)": {"draws.draw-target-inspected"},
    r"/v1/draws(/[^/?]+)?(\?|$)": {"draws.draw-target-selected", "draws.draw-target-inspected"},
    # Once its facts were passed on, whom it accuses and who handles it now.
    COMPLAINTS: {"complaints.complaint-received", "complaints.complaint-transferred"},
    # A joint visit is the business's to read once it was held.
    r"/v1/joints(/[^/?]+)?(\?|$)": {"joint.joint-planned", "joint.joint-visit-held"},
    # Commands name the business in these; golden bytes leave it out.
    r"/v1/deadlines|/v1/summary\?of=deadlines": {
        "corrections.decision-altered",
        "corrections.decision-declared-unlawful",
        "corrections.decision-declared-void",
        "corrections.decision-revoked",
        "takeon.open-duty-performed",
    },
    # Golden bytes give a list, a calendar, a procedure and a form one id; commands do not.
    r"/v1/joint-artefacts": {
        "joint.joint-calendar-published",
        "joint.joint-procedure-adopted",
        "joint.unified-form-adopted",
    },
    # Reports count what a body handled in confidence, and nobody whom or what (SECURITY.md).
    r"/v1/progress/": {
        "complaints.complaint-acknowledged",
        "complaints.complaint-resolved",
        "legalreview.legal-review-concluded",
        "supervision.finding-closed",
        "supervision.finding-dismissed",
        "supervision.finding-triaged",
    },
    # The facts of somebody without an account are for the body that handles the complaint now.
    r"/v1/complaints/[^/]+/facts": {
        "complaints.complaint-received",
        "complaints.complaint-transferred",
    },
    # A business has rated a visit itself, and is not asked again; golden bytes say an officer did.
    r"/v1/inbox": {"filing.visit-rated"},
    # A unit reads no more of a person who has accused it, although that may tell (SECURITY.md).
    r"/v1/persons/": {"complaints.complainant-named"},
}

#: Whoever complains knows it; the office that handles it reads it all, its events or not. Of these
#: alone, the business complains and the units of the others handle one.
HANDLED = {
    "complaints.complainant-named",
    "complaints.complainant-feedback-given",
    "complaints.complainant-informed",
    "complaints.complaint-accepted",
    "complaints.complaint-acknowledged",
    "complaints.complaint-not-accepted",
    "complaints.complaint-resolved",
    "complaints.investigation-step-taken",
}
HANDLERS = {"business", "officer", "coordinator", "rlo"}

#: What authorities read about a business whichever unit recorded it, short of what is sealed.
TOGETHER = re.compile(
    r"/v1/entities(/[^/]+/(profile(/diff)?|replay|what-if|burden))?(\?|$)|/v1/like-cases"
)

#: Contents that lie beside the ledger, which is without them here.
BESIDE = re.compile(
    r"/v1/draws/(roster|[^/]+/(roster|selection|export|receipt|verify))"
    r"|/v1/screenings/[^/]+/(list|rerun|now)"
)


#: They have the audiences of another reader; of them every third address is asked, in turn.
ALIKE = ("subscriber", "coordinator", "other officer", "park", "credit", "recon")

#: SECRECY=whole asks every reader for every address: some three times as long.
WHOLE = os.environ.get("SECRECY") == "whole"


class Comparison:
    """The ledger without any of the secrets, and what each reader was answered there."""

    def __init__(self, folder: Path) -> None:
        made = Facts()
        known = Placed(1, subject_unit="TAX")
        self.folder = folder
        self.base = [*made.law(), *made.of_every_type(known, UNIT)]
        self.secrets = list(secrets(made))
        # Those that need another event before them may lack it here.
        again = made.of_every_type(known, UNIT)
        self.tail = [record for record in again if record.envelope.type not in LAST][::9]
        #: Secrets again at the very end: after the last event that anybody sees.
        self.last = list(made.of_every_type(known, UNIT))
        self.topics = sorted({record.envelope.type for record in self.secrets})
        resources = (
            *RESOURCES,
            *views.RESOURCES,
            *persons.RESOURCES,
            *publicdoor.RESOURCES,
            *evidence.RESOURCES,
        )
        facts = [*self.base, *self.secrets]
        pairs = [*addresses(resources, facts), *together(resources, facts)]
        asked = {url: resource.roles for resource, url in pairs}
        #: Every address, with the roles that its resource answers.
        self.urls = {url: roles for url, roles in asked.items() if not BESIDE.match(url)}
        self._shelves = 0
        self.without = Shelf(folder, "without", [*self.base, *self.tail])
        # One loop for all: the service that every reader is compared with lives on it.
        self._runner = asyncio.Runner()

    def asked_by(self, who: str) -> list[str]:
        """The addresses for a reader.

        A role that a resource never answers is refused before anything is looked up
        (tests/api/test_routes_by_role.py), so one address of each such resource suffices.
        """
        role = READERS[who].role
        return [
            url
            for url, roles in self.urls.items()
            if roles is None or role in roles or "?" not in url
        ]

    def __enter__(self) -> Self:
        self._runner.run(self.without.__aenter__())
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self.without.__aexit__())
        self._runner.close()

    def differences(self, who: str, facts: list[Recorded], asked: Iterable[str]) -> list[str]:
        """The addresses that a reader is answered otherwise beside some hidden facts."""
        return self._runner.run(self._differences(who, facts, asked))

    async def _differences(
        self, who: str, facts: list[Recorded], asked: Iterable[str]
    ) -> list[str]:
        self._shelves += 1
        name = f"beside-{self._shelves}"
        kinds = {(r.envelope.type, r.envelope.visibility) for r in facts}
        last = [
            r
            for r in hidden_from(READERS[who], self.last)
            if (r.envelope.type, r.envelope.visibility) in kinds
        ]
        ranks = Ranks(len(self.base), len(facts), len(self.tail), len(last))
        pages = [*asked]
        for url in [url for url in pages if "?" not in url]:
            longest = await answer(self.without, who, f"{url}?limit=500")
            pages += exact(url, longest, self.topics)
        async with Shelf(self.folder, name, [*self.base, *facts, *self.tail, *last]) as beside:
            return [
                url
                for url in pages
                if not _same(
                    ranks, await answer(self.without, who, url), await answer(beside, who, url)
                )
            ]


def _same(ranks: Ranks, without: Answer, beside: Answer) -> bool:
    return without.status == beside.status and ranks.same(without.text, beside.text)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    with Comparison(tmp_path_factory.mktemp("secrecy")) as made:
        yield made


def _shown(who: str, url: str) -> Collection[str] | None:
    """The types that a page shows beyond their events; ``None`` where all restricted ones are."""
    role, url = READERS[who].role, url.replace(".csv?", "?")
    if role in UNIT_BOUND | SUPERVISORS | {"credit_officer"} and TOGETHER.match(url):
        return None
    return {
        topic for page, topics in _shown_to(who).items() if re.match(page, url) for topic in topics
    }


def _shown_to(who: str) -> Mapping[str, Collection[str]]:
    shown = dict(SHOWN)
    if READERS[who].role in SUPERVISORS or who == "business":
        # They read the whole of an opened visit; golden bytes approve it anew after that.
        shown[TASKS] = {*SHOWN[TASKS], "filing.inspection-task-approved"}
    if who in HANDLERS:
        # The office that handles a complaint finds it in its inbox, and nobody else does.
        shown[COMPLAINTS] = handled = {*SHOWN[COMPLAINTS], *HANDLED}
        shown[r"/v1/inbox"] = {*SHOWN[r"/v1/inbox"], *handled}
    return shown


@pytest.mark.parametrize("who", READERS)
def test_what_is_hidden_changes_no_answer(comparison: Comparison, who: str) -> None:
    """Whatever a reader may not see: every answer is the one that would be given without it."""
    hidden = hidden_from(READERS[who], comparison.secrets)
    assert hidden, "there is something for everybody that they may not see"
    plain = [url for url in comparison.asked_by(who) if _shown(who, url) == set()]
    if who in ALIKE and not WHOLE:
        plain = plain[ALIKE.index(who) % 3 :: 3]
    assert comparison.differences(who, hidden, plain) == []


@pytest.mark.parametrize("who", [who for who in READERS if WHOLE or who not in ALIKE])
def test_pages_that_show_more_show_nothing_else(comparison: Comparison, who: str) -> None:
    """What is shown by design is shown by these types of events, and by no other hidden one.

    With SECRECY=whole each page is looked at by itself, beside all that it does not show; else all
    of them at once, beside what none of them shows.
    """
    hidden = hidden_from(READERS[who], comparison.secrets)
    by_page: dict[frozenset[str] | None, list[str]] = {}
    for url in comparison.asked_by(who):
        if (shown := _shown(who, url)) != set():
            by_page.setdefault(None if shown is None else frozenset(shown), []).append(url)
    if not WHOLE:
        all_of = {topic for topics in _shown_to(who).values() for topic in topics}
        together = [url for pages in by_page.values() for url in pages]
        by_page = {frozenset(all_of): together}
    sealed = READERS[who].role in UNIT_BOUND | SUPERVISORS | {"credit_officer"}
    for topics, pages in by_page.items():
        rest = [r for r in hidden if r.envelope.type not in (topics or ())]
        if topics is None or (sealed and not WHOLE):
            rest = [r for r in rest if r.envelope.visibility == "sealed"]
        assert comparison.differences(who, rest, pages) == []
