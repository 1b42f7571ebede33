"""Steps of draws, from the rosters to the published result."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from ledger.systems.draws import commands as draws
from tests.sequences.drafts import Draft
from tests.sequences.prelude import inspected, plan_of
from tests.sequences.steps import OFTEN, RARE, Table
from tests.sequences.town import OFFICERS, UNITS

TABLE = Table()
add = TABLE.add

SECRET = "市民代表手写的一句话 7491"
INDEX, CITIZEN = "指数收盘", "市民代表"


def _announced_since(x: Draft) -> bool:
    """Whether a roster is unused so far."""
    return "DrawAnnounced" not in x.thing.names


add(
    draws.PublishDrawMatterList,
    unit=lambda x: x.pick(UNITS),
    items=lambda x: [
        {
            "matter": inspected(x.unit),
            "draw_class": "key",
            "target_class": "食品",
            "method": "on_site",
        }
    ],
    weight=RARE,
)
add(
    draws.FreezeEntityRoster,
    new="roster",
    unit=lambda x: x.pick(UNITS),
    as_of=lambda x: x.today,
    target_class="食品",
    sent_by="draw_coordinator",
)
add(
    draws.FreezeOfficerRoster,
    new="roster",
    unit=lambda x: x.pick(UNITS),
    officers=lambda x: OFFICERS[x.unit],
)


def _sources(x: Draft) -> list[dict[str, Any]]:
    out = x.now + timedelta(hours=x.dice.randint(3, 30))
    public = {"name": INDEX, "kind": "public", "publication_at": out, "fallback": "无"}
    secret = {
        "name": CITIZEN,
        "kind": "commitment",
        "publication_at": out,
        "commitment": sha256(SECRET.encode()).hexdigest(),
        "fallback": "无",
    }
    return [public, secret] if x.chance(0.5) else [public]


add(
    draws.AnnounceDraw,
    "roster",
    after="EntityRosterFrozen",
    before="DrawAnnounced",
    new="draw",
    when=lambda x: (
        x.today.year == 2026
        and not any(
            draw.get("unit") == x.unit for draw in x.book.of("draw", "DrawAnnounced", "DrawVoided")
        )
    ),
    plan=lambda x: plan_of(x.unit),
    matters=lambda x: [inspected(x.unit)],
    roster=lambda x: x.thing.id,
    officer_roster=lambda x: x.some("roster", "OfficerRosterFrozen", unit=x.unit).id,
    sources=_sources,
    reserves=1,
)
add(
    draws.RevealCommitment,
    "draw",
    after="DrawAnnounced",
    before="DrawSeedRevealed DrawVoided DrawCommitmentRevealed",
    when=lambda x: (
        len(x.thing.last("DrawAnnounced").sources) > 1
        and x.thing.last("DrawAnnounced").sources[1].publication_at > x.now
    ),
    source=CITIZEN,
    value=SECRET,
    sent_by="jb_supervisor",
)
add(
    draws.RevealSeed,
    "draw",
    after="DrawAnnounced",
    before="DrawSeedRevealed DrawVoided",
    when=lambda x: all(s.publication_at < x.now for s in x.thing.last("DrawAnnounced").sources),
    values=lambda x: [{"source": INDEX, "value": f"{x.dice.randint(3000, 4000)}.76"}],
)
add(
    draws.ExecuteDraw,
    "draw",
    after="DrawSeedRevealed",
    before="DrawExecuted DrawVoided",
    roster_hash=lambda x: x.thing.last("DrawAnnounced").roster_hash,
)
OPEN_TARGET = "DrawTargetInspected DrawTargetExempted DrawTargetReleased"
add(
    draws.AssignOfficers,
    "target",
    after="DrawTargetSelected",
    before=f"OfficersAssigned {OPEN_TARGET}",
    planned_on=lambda x: min(x.day(x.dice.randint(0, 4)), x.thing.get("inspect_by")),
)


def _substitute(x: Draft) -> str:
    assigned = x.thing.last("OfficersAssigned").officers
    return x.pick(o for o in OFFICERS[x.unit] if o not in assigned)


add(
    draws.SubstituteOfficer,
    "target",
    after="OfficersAssigned",
    before=f"OfficerSubstituted InspectionTaskApproved {OPEN_TARGET}",
    from_officer=lambda x: x.thing.last("OfficersAssigned").officers[0],
    to_officer=_substitute,
    reason="病假",
    sent_by="draw_coordinator",
)
add(
    draws.RequestExemption,
    "target",
    after="DrawTargetSelected",
    before=f"InspectionTaskApproved DrawExemptionRequested {OPEN_TARGET}",
    reason="judicial_custody",
    instrument="协助执行通知书1号",
    evidence="法院查封",
    sent_by="draw_coordinator",
    weight=RARE,
)
add(
    draws.ExemptTarget,
    "target",
    after="DrawTargetSelected DrawExemptionRequested",
    before=f"InspectionTaskApproved {OPEN_TARGET}",
    reason="judicial_custody",
    sent_by="unit_head",
    weight=OFTEN,
)
add(
    draws.VoidDraw,
    "draw",
    after="DrawAnnounced",
    before="DrawVoided",
    reason_code="roster_error",
    evidence="名录有误",
    sent_by="draw_coordinator",
    weight=RARE,
)
add(draws.VerifyDraw, "draw", after="DrawExecuted", before="DrawVoided", sent_by="jb_supervisor")


def _not_published(x: Draft) -> bool:
    return "DrawResultPublished" not in x.thing.names


add(
    draws.PublishDrawResult,
    "task",
    after="InspectionConcluded",
    before="DrawResultPublished",
    when=lambda x: x.thing.get("draw") is not None,
    draw=lambda x: x.thing.get("draw"),
    label="of a draw",
)
add(
    draws.PublishDrawResult,
    "task",
    after="InspectionConcluded",
    before="DrawResultPublished",
    when=lambda x: x.thing.get("draw") is None,
    label="of another visit",
)
