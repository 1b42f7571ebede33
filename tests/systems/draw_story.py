"""What the tests of draws are given: a plan, listed matters, rosters, a draw, who was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from ledger.kernel import civil_moment
from ledger.systems.catalogue.events import (
    Basis,
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
    MatterPublished,
    OfficerCertified,
)
from ledger.systems.draws import uvdraw
from ledger.systems.draws.commands import (
    AnnounceDraw,
    DrawOutcome,
    ExecuteDraw,
    FreezeEntityRoster,
    FreezeOfficerRoster,
    FrozenRoster,
    PublicValue,
    PublishDrawMatterList,
    RevealSeed,
    SelectedLine,
    SelectTargets,
)
from ledger.systems.draws.events import DrawMatter, SeedSource, StratumCount, StratumRatio
from ledger.systems.filing.events import AnnualPlanApproved, AnnualPlanFiled, PlanItem
from ledger.systems.policies.commands import SeedLedger
from tests.gwt import Scenario, actor, on

replace = msgspec.structs.replace

DRAW, ROSTER, OFFICERS = "D-1", "R-1", "O-1"
COORDINATOR = actor("MRB", "COORD", "draw_coordinator")
HEAD = actor("MRB", "MRB-HEAD", "unit_head")
PREFIX = "91620100MA7LX"
GRADES = {
    "A": ("0017J", "0025D", "00338", "00413", "005XT"),
    "B": ("0068T", "0076M", "0084G"),
    "C": ("0092B", "01051"),
    "D": ("0113U", "0121N"),
}
ENTRIES: list[uvdraw.Entry] = [
    {"uscc": PREFIX + code, "grade": grade} for grade, codes in GRADES.items() for code in codes
]
RATIOS = {"A": "0.05", "B": "0.20", "C": "0.50", "D": "1.00"}
SOURCE = SeedSource(
    name="指数收盘", kind="public", publication_at=civil_moment(date(2026, 7, 20), 15)
)


def frozen(entries: list[uvdraw.Entry], by: str = "grade", **changed: Any) -> FrozenRoster:
    """A roster as the service composes it."""
    lines = uvdraw.roster_lines(entries)
    strata: dict[str, int] = {}
    for entry in entries:
        strata[str(entry[by])] = strata.get(str(entry[by]), 0) + 1
    whole = FrozenRoster(
        roster_hash=uvdraw.roster_hash(uvdraw.roster_bytes(lines)),
        roster_root=uvdraw.roster_root(lines),
        count=len(lines),
        strata=strata,
        composed_at=1,
    )
    return replace(whole, **changed)


FROZEN = frozen(ENTRIES)
MATTER_LIST = PublishDrawMatterList(
    unit="MRB",
    items=(
        DrawMatter(
            matter="M-1",
            draw_class="general",
            ratio_cap="1.00",
            target_class="食品",
            method="on_site",
        ),
        DrawMatter(matter="M-2", draw_class="key", target_class="食品", method="on_site"),
    ),
)
FREEZE = FreezeEntityRoster(
    roster=ROSTER, unit="MRB", as_of=date(2026, 7, 16), target_class="食品", frozen=FROZEN
)
FREEZE_OFFICERS = FreezeOfficerRoster(
    roster=OFFICERS, unit="MRB", officers=tuple(f"OFF-{n}" for n in range(1, 7))
)
ANNOUNCE = AnnounceDraw(
    draw=DRAW,
    unit="MRB",
    plan="PLAN-1",
    matters=("M-1",),
    roster=ROSTER,
    officer_roster=OFFICERS,
    sources=(SOURCE,),
    reserves=1,
)
REVEAL = RevealSeed(draw=DRAW, values=(PublicValue(source=SOURCE.name, value="3518.76"),))


def ratios(**values: str) -> tuple[StratumRatio, ...]:
    """Strata with other ratios."""
    return tuple(StratumRatio(key=k, ratio=v) for k, v in values.items())  # type: ignore[arg-type]


def drawn(
    entries: list[uvdraw.Entry] = ENTRIES,
    wanted: Mapping[str, str] = RATIOS,
    *,
    draw: str = DRAW,
    seed: str = "3518.76",
    reserves: int = 1,
) -> tuple[DrawOutcome, list[SelectedLine]]:
    """The outcome of a draw, and every line of its selection with its proof."""
    strata = uvdraw.draw(entries, draw, seed, wanted, reserves=reserves)
    lines = uvdraw.selection_lines(strata)
    prove = uvdraw.prover(lines)
    picked = [one for stratum in strata for one in stratum.picked()]
    outcome = DrawOutcome(
        strata=tuple(
            StratumCount(key=s.key, size=s.size, quota=s.quota)  # type: ignore[arg-type]
            for s in strata
        ),
        selection_hash=uvdraw.roster_hash(uvdraw.roster_bytes(lines)),
        selection_root=uvdraw.roster_root(lines),
        selection_count=len(lines),
    )
    return outcome, [
        SelectedLine(**one._asdict(), index=index, path=tuple(prove(index)))
        for index, one in enumerate(picked)
    ]


OUTCOME, LINES = drawn()
QUOTAS = {stratum.key: stratum.quota for stratum in OUTCOME.strata}
CHOSEN = [line for line in LINES if line.rank <= QUOTAS[line.stratum]]
SPARE = [line for line in LINES if line.rank > QUOTAS[line.stratum]]
EXECUTE = ExecuteDraw(draw=DRAW, roster_hash=FROZEN.roster_hash, outcome=OUTCOME)
SELECT = SelectTargets(draw=DRAW, lines=tuple(CHOSEN))


def chosen(stratum: str) -> SelectedLine:
    """The first that was drawn from a stratum."""
    return next(line for line in CHOSEN if line.stratum == stratum)


def given_matters(story: Scenario) -> Scenario:
    """Policies, two published matters in a filed plan, officers OFF-1 … OFF-7."""
    story.given(SeedLedger())
    story.at("2026-01-20T09:00+08:00").given(
        EnforcementUnitQualified(
            unit="MRB", name="市场监管局", kind="organ", valid_from=date(2020, 1, 1)
        )
    )
    for matter, domain in (("M-1", "general"), ("M-2", "food_drug")):
        elements = MatterElements(
            name=f"事项 {matter}",
            act_kind="inspection",
            office_id="食品科",
            bases=(Basis(level="law", instrument="食品安全法", article="110"),),
            domain=domain,  # type: ignore[arg-type]
        )
        story.given(
            MatterListed(matter=matter, unit="MRB", elements=elements),
            MatterPublished(
                matter=matter,
                unit="MRB",
                version=1,
                url="https://example.org",
                published_on=date(2026, 1, 20),
            ),
        )
    items = tuple(
        PlanItem(
            matter=matter,
            mode="random",
            target_class="食品",
            planned_visits=10,
            months=tuple(range(1, 13)),
        )
        for matter in ("M-1", "M-2")
    )
    story.given(
        on("2026-01-20", AnnualPlanApproved(plan="PLAN-1", unit="MRB", year=2026, items=items)),
        on(
            "2026-01-21",
            AnnualPlanFiled(plan="PLAN-1", unit="MRB", version=1, filed_on=date(2026, 1, 21)),
        ),
    )
    for number in range(1, 8):
        story.given(
            OfficerCertified(
                officer=f"OFF-{number}",
                unit="MRB",
                cert_no=f"甘A-{number}",
                valid_from=date(2024, 1, 1),
                valid_to=date(2027, 12, 31),
                domains=("food_drug",) if number != 5 else ("labour",),
            )
        )
    return story.at("2026-07-16T09:00+08:00")


def given_rosters(story: Scenario) -> Scenario:
    """The matter list and both rosters."""
    given_matters(story)
    story.given(MATTER_LIST, actor=HEAD)
    return story.given(FREEZE, FREEZE_OFFICERS, actor=COORDINATOR)


def given_announced(story: Scenario, **changed: Any) -> Scenario:
    """A draw as announced on 2026-07-16."""
    return given_rosters(story).given(replace(ANNOUNCE, **changed), actor=COORDINATOR)


def given_seeded(story: Scenario, **changed: Any) -> Scenario:
    """A draw whose seed was revealed on 2026-07-20."""
    given_announced(story, **changed)
    return story.at("2026-07-20T16:00+08:00").given(REVEAL, actor=COORDINATOR)


def given_drawn(story: Scenario, **changed: Any) -> Scenario:
    """A draw that is made, its targets recorded."""
    return given_seeded(story, **changed).given(EXECUTE, SELECT, actor=COORDINATOR)
