"""Double-random draws (2.3): prepared, announced, drawn, visited; and every rule on the way."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Forbidden,
    Ledger,
    LegalRef,
    Malformed,
    OutOfStep,
    Unavailable,
    UnknownReference,
    civil_moment,
    codec,
)
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.catalogue.events import OfficerCertificateSuspended, OfficerConflictDeclared
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.draws import uvdraw
from ledger.systems.draws.commands import (
    AssignOfficers,
    CalledReserves,
    ExemptTarget,
    LeftOut,
    PublicValue,
    PublishDrawResult,
    ReleaseTargets,
    RequestExemption,
    RevealCommitment,
    RevealSeed,
    ReviewDraw,
    SelectedLine,
    SelectTargets,
    SubstituteOfficer,
    VerifyDraw,
    VoidDraw,
)
from ledger.systems.draws.events import (
    DrawAnnounced,
    DrawCommitmentRevealed,
    DrawExecuted,
    DrawMatterListPublished,
    DrawOperated,
    DrawReviewed,
    DrawSeedRevealed,
    DrawTargetExempted,
    DrawTargetInspected,
    DrawTargetReleased,
    DrawTargetSelected,
    DrawVerified,
    DrawVoided,
    EntityLeftOut,
    EntityRosterFrozen,
    OfficerRosterFrozen,
    OfficersAssigned,
    OfficerSubstituted,
    SeedSource,
    SkippedOfficer,
)
from ledger.systems.draws.folds import DrawState, officers_hash
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.commands import (
    ApproveTask,
    CancelInspection,
    ConcludeInspection,
    IssueInspectionNotice,
    OpenInspection,
    ReportIrregularVisit,
    ScanEntry,
)
from ledger.systems.filing.events import (
    InspectionConcluded,
    InspectionTaskApproved,
    IrregularVisitReported,
    NonOnsiteConsidered,
    OnSiteInspectionOpened,
)
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from tests.cast import HEAD, JB, PREFIX, actor
from tests.gwt import Scenario, like, on
from tests.systems.draw_story import (
    ANNOUNCE,
    CHOSEN,
    COORDINATOR,
    DRAW,
    ENTRIES,
    EXECUTE,
    FREEZE,
    FREEZE_OFFICERS,
    FROZEN,
    LINES,
    MATTER_LIST,
    OUTCOME,
    REVEAL,
    ROSTER,
    SELECT,
    SOURCE,
    SPARE,
    chosen,
    drawn,
    frozen,
    given_announced,
    given_drawn,
    given_matters,
    given_rosters,
    given_seeded,
    ratios,
    replace,
)

C = chosen("C").uscc
SEALED = "sealed"
NON_ONSITE = NonOnsiteConsidered(
    written=True, shared_data=True, remote=True, conclusion="insufficient"
)
SECRET = "市民代表手写的一句话 7491"
PARTY = SeedSource(
    name="市民代表",
    kind="commitment",
    publication_at=civil_moment(date(2026, 7, 20), 12),
    commitment=sha256(SECRET.encode()).hexdigest(),
    fallback="未揭示",
)


@pytest.fixture
def story() -> Scenario:
    return Scenario(InMemoryDCBRecorder())


# --- the matter list and the rosters


def test_a_matter_list_is_versioned(story: Scenario) -> None:
    given_matters(story)
    story.when(MATTER_LIST, HEAD).then(
        like(DrawMatterListPublished, unit="MRB", version=1, published_on=date(2026, 7, 16))
    )
    story.when(MATTER_LIST, HEAD).then(like(DrawMatterListPublished, version=2))
    uncapped = replace(MATTER_LIST.items[0], ratio_cap=None)
    story.when(replace(MATTER_LIST, items=(uncapped,)), HEAD).raises(
        Malformed, pointer="/items/0/ratio_cap"
    )
    twice = replace(MATTER_LIST, items=(MATTER_LIST.items[0],) * 2)
    story.when(twice, HEAD).raises(Malformed, pointer="/items/1/matter")
    unknown = replace(MATTER_LIST.items[0], matter="M-404")
    story.when(replace(MATTER_LIST, items=(unknown,)), HEAD).raises(UnknownReference)
    story.when(MATTER_LIST, actor("EMB", "E-HEAD", "unit_head")).raises(Forbidden)


def test_a_frozen_roster_says_what_it_was_composed_of(story: Scenario) -> None:
    given_matters(story)
    story.when(FREEZE, COORDINATOR).then(
        EntityRosterFrozen(
            roster=ROSTER,
            unit="MRB",
            as_of=date(2026, 7, 16),
            by="grade",
            target_class="食品",
            roster_hash=FROZEN.roster_hash,
            roster_root=FROZEN.roster_root,
            count=12,
            strata={"A": 5, "B": 3, "C": 2, "D": 2},
            composed_at=1,
        )
    )
    story.when(FREEZE, COORDINATOR).raises(OutOfStep, says="recorded already")
    other = replace(FREEZE, roster="R-2")
    story.when(replace(other, frozen=None), COORDINATOR).raises(Malformed, pointer="/frozen")
    story.when(replace(other, as_of=date(2026, 7, 17)), COORDINATOR).raises(
        Malformed, pointer="/as_of"
    )
    miscounted = replace(FROZEN, strata={"A": 11})
    story.when(replace(other, frozen=miscounted), COORDINATOR).raises(
        Malformed, pointer="/frozen/strata"
    )


def test_DRW_R2_a_roster_is_frozen_as_its_sender_saw_it(story: Scenario) -> None:
    given_matters(story)
    story.when(replace(FREEZE, roster_hash="0" * 64), COORDINATOR).refused(
        "DRW-R2", found="0" * 64, frozen=FROZEN.roster_hash
    )
    story.when(replace(FREEZE, roster_hash=FROZEN.roster_hash), COORDINATOR).then(
        EntityRosterFrozen
    )


def test_DRW_R7_whoever_is_left_out_is_named_with_the_reason(story: Scenario) -> None:
    given_matters(story)
    reasoned = LeftOut(entity=C, reason="司法查封")
    story.when(
        replace(FREEZE, left_out=(reasoned, LeftOut(entity=PREFIX + "0113U"))), COORDINATOR
    ).refused("DRW-R7", entity=PREFIX + "0113U", missing=1)
    story.when(replace(FREEZE, left_out=(reasoned,)), COORDINATOR).then(
        like(EntityRosterFrozen, left_out=1),
        like(EntityLeftOut, roster=ROSTER, entity=C, reason="司法查封"),
    )


def test_GRD_V1_a_grade_set_by_hand_before_the_freeze_is_found(story: Scenario) -> None:
    """Thirty days before, and not thirty-one; of those on the roster, and nobody else."""
    given_matters(story)
    by_hand = CreditGradeAssigned(
        entity=C,
        scheme="local",
        grade="A",
        assessed_on=date(2026, 6, 16),
        source="edb",
        factors=(Factor(kind="other", says="复核"),),
        inputs_hash="0" * 64,
        override=True,
        override_reason="复核",
        second_approver="EDB-2",
    )
    computed = {"override": False, "override_reason": None, "second_approver": None}
    story.given(by_hand, actor=actor("EDB", "EDB-1", "credit_officer"))
    story.amid(
        replace(by_hand, entity=PREFIX + "0017J", assessed_on=date(2026, 6, 15)),
        replace(by_hand, entity=PREFIX + "0025D", **computed),
        replace(by_hand, entity=PREFIX + "0121N", assessed_on=date(2026, 7, 17)),
    )
    suspects = (C, PREFIX + "0017J", PREFIX + "0025D", PREFIX + "0121N")
    story.when(replace(FREEZE, frozen=replace(FROZEN, overridden=suspects)), COORDINATOR).then(
        EntityRosterFrozen,
        like(FindingRaised, rule_id="GRD-V1", unit="EDB", entity=C),
    )


def test_an_officer_roster_holds_certified_officers_alone(story: Scenario) -> None:
    given_matters(story)
    story.when(FREEZE_OFFICERS, COORDINATOR).then(
        like(
            OfficerRosterFrozen,
            officers=tuple(f"OFF-{n}" for n in range(1, 7)),
            roster_hash=sha256(b'["OFF-1","OFF-2","OFF-3","OFF-4","OFF-5","OFF-6"]').hexdigest(),
        )
    )
    assert officers_hash(("b", "a")) == sha256(b'["a","b"]').hexdigest()
    other = replace(FREEZE_OFFICERS, roster="O-2")
    story.when(replace(other, officers=("OFF-1", "OFF-404")), COORDINATOR).refused("FIL-R6")
    story.when(replace(other, officers=("OFF-1",)), COORDINATOR).refused("FIL-R6", needed=2)


# --- the announcement


def test_an_announcement_says_everything_but_the_seed(story: Scenario) -> None:
    given_rosters(story).when(ANNOUNCE, COORDINATOR).then(
        like(
            DrawAnnounced,
            roster_hash=FROZEN.roster_hash,
            roster_root=FROZEN.roster_root,
            roster_strata={"A": 5, "B": 3, "C": 2, "D": 2},
            officer_roster_hash=officers_hash(FREEZE_OFFICERS.officers),
            strata=ratios(A="0.05", B="0.20", C="0.50", D="1.00"),
            inspect_by=date(2026, 12, 31),
            algorithm="UVDRAW-1",
            year=2026,
        ),
        DrawOperated,
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.policy_refs["draw.ratio"] == 1


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"draw": "D" * 91}, "/draw"),
        ({"by": "risk"}, "/by"),
        ({"strata": ratios(A="0.05", B="0.20", C="0.50")}, "/strata"),
        ({"strata": ratios(A="0.05", B="0.2", C="0.5", D="1", low="0")}, "/strata"),
        ({"strata": (*ratios(A="0.05"), *ratios(A="0.06", B="0.2", C="0.5", D="1"))}, "/strata"),
        ({"inspect_by": date(2027, 1, 1)}, "/inspect_by"),
        ({"inspect_by": date(2026, 7, 16)}, "/inspect_by"),
        ({"sources": (SOURCE, SOURCE)}, "/sources/0/name"),
        ({"sources": (replace(SOURCE, commitment="0" * 64),)}, "/sources/0/commitment"),
        ({"sources": (replace(PARTY, commitment=None),)}, "/sources/0/commitment"),
        ({"sources": (replace(PARTY, fallback=None),)}, "/sources/0/fallback"),
    ],
)
def test_an_announcement_that_cannot_be_drawn_by(
    story: Scenario, changed: dict[str, Any], pointer: str
) -> None:
    given_rosters(story).when(replace(ANNOUNCE, **changed), COORDINATOR).raises(
        Malformed, pointer=pointer
    )


def test_FIL_R1_a_draw_is_for_matters_of_a_filed_plan(story: Scenario) -> None:
    given_rosters(story).when(replace(ANNOUNCE, matters=("M-9",)), COORDINATOR).refused(
        "FIL-R1", unit="MRB", matters="M-9"
    )


def test_a_matter_is_listed_before_it_is_drawn_for(story: Scenario) -> None:
    given_matters(story)
    story.given(replace(MATTER_LIST, items=MATTER_LIST.items[1:]), actor=HEAD)
    story.given(FREEZE, FREEZE_OFFICERS, actor=COORDINATOR)
    story.when(ANNOUNCE, COORDINATOR).raises(Malformed, pointer="/matters/0")


def test_DRW_R1_a_draw_is_announced_before_any_value_is_out(story: Scenario) -> None:
    given_rosters(story)
    early = replace(SOURCE, name="早盘", publication_at=civil_moment(date(2026, 7, 16), 9))
    story.when(replace(ANNOUNCE, sources=(SOURCE, early)), COORDINATOR).refused("DRW-R1", draw=DRAW)
    later = replace(early, publication_at=civil_moment(date(2026, 7, 16), 9, 1))
    story.when(replace(ANNOUNCE, sources=(SOURCE, later)), COORDINATOR).then(
        DrawAnnounced, DrawOperated
    )


def test_DRW_R1_what_is_out_is_not_announced_by_dating_back(story: Scenario) -> None:
    """What the ledger's clock says counts, not when the sender says that it was."""
    given_rosters(story).at("2026-07-21T10:00+08:00")
    before = replace(ANNOUNCE, occurred_at=civil_moment(date(2026, 7, 20), 14))
    story.when(before, COORDINATOR).refused("DRW-R1", draw=DRAW)
    later = replace(SOURCE, publication_at=civil_moment(date(2026, 7, 22), 15))
    story.when(replace(before, sources=(later,)), COORDINATOR).then(DrawAnnounced, DrawOperated)


def test_DRW_R1_a_seed_is_not_revealed_by_dating_ahead(story: Scenario) -> None:
    """A clock that goes before the ledger's brings no value out."""
    given_announced(story).at("2026-07-20T14:58+08:00")
    story.when(
        replace(REVEAL, occurred_at=civil_moment(date(2026, 7, 20), 15)), COORDINATOR
    ).refused("DRW-R1", draw=DRAW)


def test_DRW_R1_the_seed_is_revealed_after_all_are_out(story: Scenario) -> None:
    given_announced(story).amid(on("2026-07-16", _announced("D-9")))
    story.at("2026-07-20T14:59:59+08:00").when(REVEAL, COORDINATOR).refused("DRW-R1", draw=DRAW)
    story.at("2026-07-20T15:00+08:00").when(REVEAL, COORDINATOR).then(
        like(DrawSeedRevealed, seed="3518.76", not_revealed=())
    )
    story.when(REVEAL, COORDINATOR).raises(OutOfStep, says="once")


def test_DRW_R2_the_announced_roster_is_the_one_that_was_seen(story: Scenario) -> None:
    given_rosters(story).when(replace(ANNOUNCE, roster_hash="0" * 64), COORDINATOR).refused(
        "DRW-R2", frozen=FROZEN.roster_hash
    )


@pytest.mark.parametrize(
    ("strata", "lower"),
    [
        (ratios(A="0.30", B="0.20", C="0.50", D="1"), "A"),
        (ratios(A="0.1", B="0.2", C="0.19", D="1"), "B"),
        (ratios(D="0.9", A="0.1", B="0.2", C="1.0"), "C"),
    ],
)
def test_DRW_R3_ratios_do_not_fall_as_the_risk_rises(
    story: Scenario, strata: Any, lower: str
) -> None:
    given_rosters(story).when(replace(ANNOUNCE, strata=strata), COORDINATOR).refused(
        "DRW-R3", lower=lower
    )
    equal = ratios(A="0.2", B="0.20", C="0.2000", D="0.2")
    story.when(replace(ANNOUNCE, strata=equal), COORDINATOR).then(DrawAnnounced, DrawOperated)


def test_DRW_R3_holds_for_risk_as_well(story: Scenario) -> None:
    """A roster that was given with its risks, and weights beside."""
    given_matters(story)
    risks = ("low", "mid", "high")
    entries: list[Any] = [
        {**entry, "risk": risks[n % 3], "weight": 1 + n % 2} for n, entry in enumerate(ENTRIES)
    ]
    story.given(MATTER_LIST, actor=HEAD)
    story.given(
        replace(FREEZE, by="risk", frozen=frozen(entries, by="risk")),
        FREEZE_OFFICERS,
        actor=COORDINATOR,
    )
    by_risk = replace(ANNOUNCE, by="risk")
    story.when(by_risk, COORDINATOR).raises(Malformed, pointer="/strata")
    falling = ratios(low="0.5", mid="0.4", high="1")
    story.when(replace(by_risk, strata=falling), COORDINATOR).refused("DRW-R3", lower="low")
    story.when(replace(by_risk, strata=ratios(high="1", low="0.1", mid="0.4")), COORDINATOR).then(
        like(DrawAnnounced, strata=ratios(low="0.1", mid="0.4", high="1")), DrawOperated
    )


def test_DRW_R4_a_general_matter_stays_within_its_cap(story: Scenario) -> None:
    """The cap of its line on the list; a key matter has none. The policy bounds every cap."""
    given_matters(story)
    capped = replace(MATTER_LIST.items[0], ratio_cap="0.50")
    story.given(replace(MATTER_LIST, items=(capped, MATTER_LIST.items[1])), actor=HEAD)
    story.given(FREEZE, FREEZE_OFFICERS, actor=COORDINATOR)
    above = ratios(A="0.05", B="0.20", C="0.50", D="1.00")
    story.when(replace(ANNOUNCE, strata=above), COORDINATOR).refused(
        "DRW-R4", matter="M-1", ratio="1.00", cap="0.50"
    )
    within = ratios(A="0.05", B="0.2", C="0.5", D="0.5")
    story.when(replace(ANNOUNCE, strata=within), COORDINATOR).then(DrawAnnounced, DrawOperated)
    story.when(replace(ANNOUNCE, draw="D-2", matters=("M-2",)), COORDINATOR).then(
        DrawAnnounced, DrawOperated
    )


def test_DRW_R5_a_draw_is_not_repeated_until_it_is_voided(story: Scenario) -> None:
    """Neither while it is unfinished, nor from the same roster after it; other matters may."""
    given_announced(story)
    again = replace(ANNOUNCE, draw="D-2")
    later = replace(SOURCE, publication_at=civil_moment(date(2026, 8, 20), 15))
    story.given(replace(FREEZE, roster="R-2"), actor=COORDINATOR)
    story.when(again, COORDINATOR).refused("DRW-R5")
    story.when(replace(again, roster="R-2"), COORDINATOR).refused("DRW-R5")
    story.when(replace(again, draw="D-3", matters=("M-2",)), COORDINATOR).then(
        DrawAnnounced, DrawOperated
    )
    story.at("2026-07-20T16:00+08:00").given(REVEAL, EXECUTE, actor=COORDINATOR)
    again = replace(again, sources=(later,))
    story.when(again, COORDINATOR).refused("DRW-R5")
    # The same roster under another name gives another selection of the same businesses.
    story.when(replace(again, roster="R-2"), COORDINATOR).refused("DRW-R5")
    # A draw from another roster is another draw: the first one's visits stay due.
    others = frozen([entry for entry in ENTRIES if entry["uscc"] != C])
    story.given(replace(FREEZE, roster="R-3", frozen=others), actor=COORDINATOR)
    story.when(replace(again, roster="R-3"), COORDINATOR).then(DrawAnnounced, DrawOperated)


def test_DRW_R5_an_unchanged_roster_is_drawn_from_again_when_the_visits_are_over(
    story: Scenario,
) -> None:
    """The day after their last one, if it is frozen anew; without that, never."""
    given_announced(story, inspect_by=date(2026, 8, 31)).at("2026-07-20T16:00+08:00")
    story.given(REVEAL, EXECUTE, actor=COORDINATOR)
    source = replace(SOURCE, publication_at=civil_moment(date(2026, 9, 20), 15))
    again = replace(ANNOUNCE, draw="D-2", roster="R-2", sources=(source,))
    story.at("2026-08-31T09:00+08:00").given(replace(FREEZE, roster="R-2"), actor=COORDINATOR)
    story.when(again, COORDINATOR).refused("DRW-R5")
    story.at("2026-09-01T09:00+08:00")
    story.when(replace(again, roster=ROSTER), COORDINATOR).refused("DRW-R5")
    story.when(again, COORDINATOR).then(DrawAnnounced, DrawOperated)


def test_DRW_R5_what_a_draw_replaces_was_voided(story: Scenario) -> None:
    given_announced(story)
    again = replace(ANNOUNCE, draw="D-2", replaces=DRAW)
    story.when(again, COORDINATOR).refused("DRW-R5")
    void = VoidDraw(draw=DRAW, reason_code="roster_error", evidence="名录有误")
    story.given_signed(void, COORDINATOR, HEAD)
    story.when(again, COORDINATOR).then(like(DrawAnnounced, replaces=DRAW), DrawOperated)


def test_GEN_R2_whoever_operates_a_draw_does_not_inspect_in_it(story: Scenario) -> None:
    operator = actor("MRB", "OFF-1", "draw_coordinator")
    given_rosters(story).when(ANNOUNCE, operator).refused("GEN-R2", person="OFF-1")
    story.given(ANNOUNCE, actor=COORDINATOR).at("2026-07-20T16:00+08:00")
    story.when(REVEAL, operator).refused("GEN-R2", person="OFF-1")
    story.given(REVEAL, actor=COORDINATOR).when(EXECUTE, operator).refused("GEN-R2")
    story.given(EXECUTE, SELECT, actor=COORDINATOR)
    assign = AssignOfficers(draw=DRAW, entity=C, planned_on=date(2026, 8, 10))
    story.when(assign, operator).refused("GEN-R2")
    story.when(EXECUTE, actor("EMB", "E-1", "draw_coordinator")).raises(Forbidden)


def test_GEN_R2_an_inspector_of_a_draw_changes_nothing_about_who_is_visited(
    story: Scenario,
) -> None:
    """Neither lets a business off, so that the next is called up, nor says who else goes."""
    going = _assigned(given_drawn(story))
    inside = actor("MRB", "OFF-1", "draw_coordinator")
    spare = next(line for line in SPARE if line.stratum == "C")
    ask = RequestExemption(
        draw=DRAW, entity=C, reason="judicial_custody", evidence="查封", instrument="法院裁定"
    )
    story.when(ask, inside).refused("GEN-R2", person="OFF-1")
    story.given(ask, actor=COORDINATOR)
    exempt = ExemptTarget(
        draw=DRAW, entity=C, reason="judicial_custody", reserves=moving_up(f"{DRAW}/C/1", spare)
    )
    story.when(exempt, inside).refused("DRW-R10", target=f"{DRAW}/C/1")
    others = [one for one in FREEZE_OFFICERS.officers if one not in going and one != "OFF-5"]
    substitute = SubstituteOfficer(
        draw=DRAW,
        entity=C,
        from_officer=going[0],
        to_officer=others[0],
        reason="病假",
    )
    story.when(substitute, inside).refused("GEN-R2", person="OFF-1")
    story.when(exempt, HEAD).then(
        DrawTargetExempted, DrawTargetSelected, like(FindingRaised, rule_id="DRW-V7")
    )


# --- the seed


def test_a_committed_secret_is_revealed_by_its_party(story: Scenario) -> None:
    """The operator cannot leave it out: it is in the ledger before the seed."""
    given_announced(story, sources=(PARTY, SOURCE))
    reveal = RevealCommitment(draw=DRAW, source=PARTY.name, value=SECRET)
    citizen = actor("CITIZEN", "PARTY-1", "entity_rep")
    story.when(replace(reveal, value="别的话"), citizen).raises(Malformed, pointer="/value")
    story.when(replace(reveal, source=SOURCE.name), citizen).raises(Malformed, pointer="/source")
    story.when(reveal, citizen).then(like(DrawCommitmentRevealed, value=SECRET))
    story.when(reveal, citizen).then()
    story.at("2026-07-20T16:00+08:00")
    forged = PublicValue(source=PARTY.name, value="别的话")
    story.when(replace(REVEAL, values=(*REVEAL.values, forged)), COORDINATOR).raises(
        Malformed, pointer="/values"
    )
    story.when(REVEAL, COORDINATOR).then(like(DrawSeedRevealed, seed=f"{SECRET}|3518.76"))
    story.when(reveal, citizen).raises(OutOfStep, says="before the seed")


def test_DRW_R1_a_secret_is_revealed_by_its_time_or_not_at_all(story: Scenario) -> None:
    """Who knows the public value would choose between the secret and the fallback."""
    given_announced(story, sources=(PARTY, SOURCE))
    reveal = RevealCommitment(draw=DRAW, source=PARTY.name, value=SECRET)
    citizen = actor("CITIZEN", "PARTY-1", "entity_rep")
    story.at("2026-07-20T12:01+08:00").when(reveal, citizen).refused("DRW-R1", draw=DRAW)
    story.when(replace(reveal, occurred_at=civil_moment(date(2026, 7, 20), 11)), citizen).refused(
        "DRW-R1", draw=DRAW
    )
    story.at("2026-07-20T16:00+08:00").when(REVEAL, COORDINATOR).then(
        like(DrawSeedRevealed, not_revealed=("市民代表",))
    )
    other = Scenario(InMemoryDCBRecorder())
    given_announced(other, sources=(PARTY, SOURCE)).at("2026-07-20T12:00+08:00")
    other.when(reveal, citizen).then(DrawCommitmentRevealed)


def test_DRW_R1_secrets_are_due_before_any_public_value_is_out(story: Scenario) -> None:
    """By the first of several; where no value is public, parties may take their time."""
    given_rosters(story)
    first = replace(SOURCE, name="开奖", publication_at=civil_moment(date(2026, 7, 20), 11))
    late = replace(ANNOUNCE, sources=(SOURCE, first, PARTY))
    story.when(late, COORDINATOR).refused("DRW-R1", draw=DRAW)
    due = replace(PARTY, publication_at=first.publication_at)
    story.when(replace(late, sources=(SOURCE, first, due)), COORDINATOR).then(
        DrawAnnounced, DrawOperated
    )
    story.when(replace(late, draw="D-2", matters=("M-2",), sources=(PARTY,)), COORDINATOR).then(
        DrawAnnounced, DrawOperated
    )


def test_a_party_that_does_not_reveal_is_named_and_its_fallback_taken(story: Scenario) -> None:
    given_announced(story, sources=(PARTY, SOURCE)).at("2026-07-20T16:00+08:00")
    story.when(REVEAL, COORDINATOR).then(
        like(DrawSeedRevealed, seed="未揭示|3518.76", not_revealed=("市民代表",))
    )


def test_a_public_value_that_never_came_voids_the_draw_or_has_a_fallback(story: Scenario) -> None:
    given_announced(story).at("2026-07-21T16:00+08:00")
    story.when(RevealSeed(draw=DRAW), COORDINATOR).raises(Malformed, says="source_unpublished")
    with_fallback = replace(SOURCE, fallback="2026-07-17:3500.00")
    other = Scenario(InMemoryDCBRecorder())
    given_announced(other, sources=(with_fallback,)).at("2026-07-21T16:00+08:00")
    other.when(RevealSeed(draw=DRAW), COORDINATOR).then(
        like(DrawSeedRevealed, seed="2026-07-17:3500.00", not_revealed=("指数收盘",))
    )


# --- the draw


def test_what_strangers_are_handed_of_a_draw_names_nobody(story: Scenario) -> None:
    """A record is shown whole or not at all: who operated stands in one of its own."""
    operators: dict[str, set[str]] = {}
    given_rosters(story)
    for command, at in (
        (ANNOUNCE, "2026-07-16T10:00+08:00"),
        (REVEAL, "2026-07-20T16:00+08:00"),
        (EXECUTE, "2026-07-20T17:00+08:00"),
    ):
        story.at(at).given(command, actor=COORDINATOR)
    records = []
    for stored in story.ledger.recorder.read():
        record = codec.decode(stored.position, stored.event.data)
        records.append(record)
        if getattr(record.event, "draw", None) == DRAW:
            named = {record.envelope.actor.person_id}
            named |= {tag for tag in stored.event.tags if tag.startswith("actor:")}
            operators.setdefault(record.envelope.type.removeprefix("draws."), set()).update(named)
            handed_out = isinstance(record.event, DrawAnnounced | DrawExecuted)
            assert (b"COORD" in stored.event.data) is not handed_out, record.envelope.type
    assert operators["draw-announced"] == operators["draw-executed"] == {"unnamed"}
    assert operators["draw-operated"] == {"COORD", "actor:COORD"}
    assert DrawState(DRAW).over(records).operators == ["COORD"]


def test_a_draw_is_recorded_and_its_targets_are_sealed(story: Scenario) -> None:
    given_seeded(story)
    story.when(EXECUTE, COORDINATOR).then(
        like(
            DrawExecuted,
            seed="3518.76",
            selected=5,
            selection_count=len(LINES),
            selection_root=OUTCOME.selection_root,
        ),
        DrawOperated,
    )
    story.when(SELECT, COORDINATOR).then(
        *(
            like(
                DrawTargetSelected,
                target=f"{DRAW}/{line.stratum}/{line.rank}",
                entity=line.uscc,
                ticket=line.ticket,
                inclusion_prob=line.inclusion_prob,
                matters=("M-1",),
                inspect_by=date(2026, 12, 31),
            )
            for line in CHOSEN
        )
    )
    assert story.outcome is not None
    assert {r.envelope.visibility for r in story.outcome.events} == {SEALED}


def test_a_draw_is_made_once_and_may_be_sent_again(story: Scenario) -> None:
    """A crash between its batches is repaired by sending everything again."""
    given_seeded(story).given(EXECUTE, actor=COORDINATOR)
    story.given(replace(SELECT, lines=tuple(CHOSEN[:2])), actor=COORDINATOR)
    story.when(EXECUTE, COORDINATOR).then()
    story.when(SELECT, COORDINATOR).then(*([DrawTargetSelected] * (len(CHOSEN) - 2)))
    story.when(SELECT, COORDINATOR).then()


def test_DRW_R2_a_draw_is_made_from_the_announced_roster(story: Scenario) -> None:
    """S5: …01051 was dropped after the seed."""
    without = frozen([entry for entry in ENTRIES if entry["uscc"] != C])
    given_seeded(story)
    story.when(replace(EXECUTE, roster_hash=without.roster_hash), COORDINATOR).refused(
        "DRW-R2", found=without.roster_hash, frozen=FROZEN.roster_hash
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"strata": OUTCOME.strata[:3]},
        {"strata": (replace(OUTCOME.strata[0], quota=2), *OUTCOME.strata[1:])},
        {"strata": (replace(OUTCOME.strata[0], size=4), *OUTCOME.strata[1:])},
        {"selection_count": OUTCOME.selection_count + 1},
    ],
)
def test_DRW_R6_a_selection_of_another_size_is_refused(
    story: Scenario, changed: dict[str, Any]
) -> None:
    given_seeded(story)
    forged = replace(EXECUTE, outcome=replace(OUTCOME, **changed))
    story.when(forged, COORDINATOR).refused("DRW-R6", draw=DRAW)
    story.when(EXECUTE, COORDINATOR).then(DrawExecuted, DrawOperated)


def test_DRW_R6_a_second_selection_is_refused(story: Scenario) -> None:
    given_seeded(story).given(EXECUTE, actor=COORDINATOR)
    other, _ = drawn(seed="3518.77")
    story.when(replace(EXECUTE, outcome=other), COORDINATOR).refused("DRW-R6")


def test_DRW_R6_who_was_not_drawn_is_not_selected(story: Scenario) -> None:
    """Neither with another's proof, nor in another stratum, nor a reserve out of turn."""
    given_seeded(story).given(EXECUTE, actor=COORDINATOR)
    line = chosen("C")
    for forged in (
        replace(line, uscc=PREFIX + "0017J"),
        replace(line, stratum="D"),
        replace(line, ticket="0" * 64),
        replace(line, inclusion_prob="1"),
        replace(line, index=line.index + 1),
        replace(line, path=line.path[:-1]),
        SPARE[0],
    ):
        story.when(SelectTargets(draw=DRAW, lines=(forged,)), COORDINATOR).refused("DRW-R6")
    story.when(SelectTargets(draw=DRAW, lines=(line,)), COORDINATOR).then(DrawTargetSelected)


def test_a_draw_follows_the_seed_and_is_made_before_it_is_recorded(story: Scenario) -> None:
    given_announced(story).when(EXECUTE, COORDINATOR).raises(OutOfStep, says="seed")
    story.at("2026-07-20T16:00+08:00").given(REVEAL, actor=COORDINATOR)
    story.when(replace(EXECUTE, outcome=None), COORDINATOR).raises(Malformed, pointer="/outcome")
    story.when(SELECT, COORDINATOR).raises(OutOfStep)


def test_two_who_execute_the_same_draw_record_it_once(tmp_path: Path) -> None:
    """Two connections on one file: one appends, the other finds it there."""
    path = tmp_path / "ledger.db"
    with SQLiteRecorder(path) as first, SQLiteRecorder(path) as second:
        given_seeded(Scenario(first))
        clock = lambda: civil_moment(date(2026, 7, 20), 17)  # noqa: E731
        with Ledger(first, clock=clock) as one, Ledger(second, clock=clock) as two:
            contexts = [one, two] * 4
            outcomes = [ledger.submit(EXECUTE, _context(n)) for n, ledger in enumerate(contexts)]
            recorded = [len(outcome.result().events) for outcome in outcomes]
        assert sorted(recorded) == [0] * 7 + [2]


# --- officers


def test_officers_are_the_first_of_the_order_who_may_go(story: Scenario) -> None:
    """Each who is passed over is named with the reason; OFF-5 lacks the matter's domain."""
    given_drawn(story, matters=("M-2",))
    order = uvdraw.officer_order("3518.76", DRAW, C, FREEZE_OFFICERS.officers)
    free = [officer for officer in order if officer != "OFF-5"]
    story.given(
        OfficerConflictDeclared(officer=free[0], entity=C, basis="upheld", reason="近亲属"),
        OfficerCertificateSuspended(
            officer=free[1], unit="MRB", suspended_from=date(2026, 7, 1), reason="培训"
        ),
    )
    story.amid(
        OfficerConflictDeclared(
            officer=free[3], entity=PREFIX + "0113U", basis="upheld", reason="近亲属"
        )
    )
    story.when(
        AssignOfficers(draw=DRAW, entity=C, planned_on=date(2026, 8, 10), on_leave=(free[2],)),
        COORDINATOR,
    )
    why = {free[0]: "conflict", free[1]: "certificate", free[2]: "leave", "OFF-5": "specialty"}
    last = order.index(free[4])
    story.then(
        like(
            OfficersAssigned,
            target=f"{DRAW}/C/1",
            officers=(free[3], free[4]),
            skipped=tuple(
                SkippedOfficer(officer=one, reason=why[one])  # type: ignore[arg-type]
                for one in order[:last]
                if one in why
            ),
        )
    )
    story.when(
        AssignOfficers(draw=DRAW, entity=C, planned_on=date(2026, 8, 11)), COORDINATOR
    ).raises(OutOfStep, says="substitute")


def test_FIL_R6_a_roster_on_leave_sends_nobody(story: Scenario) -> None:
    given_drawn(story)
    story.when(
        AssignOfficers(
            draw=DRAW,
            entity=C,
            planned_on=date(2026, 8, 10),
            on_leave=FREEZE_OFFICERS.officers[:5],
        ),
        COORDINATOR,
    ).refused("FIL-R6", needed=2)


def test_officers_are_assigned_to_whom_the_draw_selected(story: Scenario) -> None:
    given_drawn(story)
    assign = AssignOfficers(draw=DRAW, entity=PREFIX + "0092B", planned_on=date(2026, 8, 10))
    story.when(assign, COORDINATOR).raises(UnknownReference, says="did not select")


def test_DRW_R8_an_officer_is_substituted_for_a_reason_and_approved(story: Scenario) -> None:
    going = _assigned(given_drawn(story))
    others = [one for one in FREEZE_OFFICERS.officers if one not in going]
    story.given(
        OfficerConflictDeclared(officer=others[0], entity=C, basis="upheld", reason="近亲属")
    )
    substitute = SubstituteOfficer(
        draw=DRAW,
        entity=C,
        from_officer=going[0],
        to_officer=others[1],
        reason="病假",
    )
    for changed in (
        {"reason": None},
        {"to_officer": others[0]},
        {"to_officer": "OFF-7"},
        {"to_officer": going[1]},
    ):
        story.when(replace(substitute, **changed), COORDINATOR).refused(
            "DRW-R8", target=f"{DRAW}/C/1"
        )
    story.when(replace(substitute, from_officer=others[1]), COORDINATOR).raises(OutOfStep)
    story.signed(substitute, COORDINATOR, COORDINATOR).refused("DRW-R8", target=f"{DRAW}/C/1")
    for concerned in (going[0], others[1]):
        second = actor("MRB", concerned.lower(), "unit_head")
        story.signed(substitute, COORDINATOR, second).refused("GEN-R2", person=second.person_id)
    story.signed(substitute, COORDINATOR, HEAD).then(
        like(OfficerSubstituted, from_officer=going[0], to_officer=others[1], approver="MRB-HEAD")
    )
    task = _task(C, officers=(others[1], going[1]))
    story.given(EntityRegistered(entity=C, identity=Identity(name="丙")))
    story.when(replace(task, officers=going), HEAD).refused("DRW-R8")
    story.when(task, HEAD).then(like(InspectionTaskApproved, draw=DRAW))


# --- visits


def test_FIL_R11_a_drawn_business_is_visited_once_for_the_drawn_matters(story: Scenario) -> None:
    going = _assigned(given_drawn(story))
    for entity in (C, PREFIX + "0092B"):
        story.given(EntityRegistered(entity=entity, identity=Identity(name=entity)))
    task = _task(C, officers=going)
    story.when(replace(task, draw=None), HEAD).refused("FIL-R11", reason="no draw is named")
    story.when(replace(task, entity=PREFIX + "0092B"), HEAD).refused("FIL-R11")
    story.when(replace(task, draw="D-404"), HEAD).refused("FIL-R11")
    story.when(task, HEAD).then(like(InspectionTaskApproved, draw=DRAW))
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == SEALED
    story.when(replace(task, task="T-2"), HEAD).refused("FIL-R11")
    story.given(CancelInspection(task="T-1", reason="改期"), actor=HEAD)
    story.when(replace(task, task="T-2"), HEAD).then(InspectionTaskApproved)


def test_FIL_R11_a_draw_that_is_named_has_selected_the_business(story: Scenario) -> None:
    """Of a key matter too, which needs no draw; and the visit comes before the draw's end."""
    going = _assigned(given_drawn(story, inspect_by=date(2026, 8, 31)))
    story.given(EntityRegistered(entity=C, identity=Identity(name="丙")))
    story.given(EntityRegistered(entity=PREFIX + "0092B", identity=Identity(name="丁")))
    task = _task(C, officers=going)
    story.when(replace(task, matters=("M-2",)), HEAD).refused("FIL-R11")
    story.when(replace(task, planned_on=date(2026, 9, 1)), HEAD).refused("FIL-R11")
    key = replace(task, matters=("M-2",), entity=PREFIX + "0092B", task="T-K")
    free = replace(
        key,
        draw=None,
        officers=("OFF-1", "OFF-2"),
        prescribed_by=LegalRef(instrument="食品安全法", article="第109条"),
    )
    story.when(key, HEAD).refused("FIL-R11")
    story.when(free, HEAD).then(InspectionTaskApproved)
    case = replace(task, kind="case", trigger="complaint")
    story.when(case, HEAD).raises(Malformed, pointer="/draw")


def test_DRW_R8_officers_are_assigned_before_the_visit_is_approved(story: Scenario) -> None:
    given_drawn(story).given(EntityRegistered(entity=C, identity=Identity(name="丙")))
    story.when(_task(C, officers=("OFF-1", "OFF-2")), HEAD).refused("DRW-R8")


def test_an_opened_visit_is_what_the_draw_asked_for(story: Scenario) -> None:
    going = _approved(given_drawn(story))
    story.when(_opening(going), HEAD).then(
        OnSiteInspectionOpened,
        like(
            DrawTargetInspected,
            target=f"{DRAW}/C/1",
            entity=C,
            task="T-1",
            officers=going,
            drawn_from=6,
            inspected_on=date(2026, 8, 10),
        ),
    )
    story.when(
        AssignOfficers(draw=DRAW, entity=C, planned_on=date(2026, 8, 11)), COORDINATOR
    ).raises(OutOfStep, says="inspected")


def test_a_closed_door_ends_what_the_draw_asked_for(story: Scenario) -> None:
    _approved(given_drawn(story))
    story.when(ConcludeInspection(task="T-1", result="entity_not_found"), HEAD).then(
        InspectionConcluded, like(DrawTargetInspected, officers=())
    )


def test_DRW_V1_drawn_and_not_inspected_by_the_end_of_the_plan(story: Scenario) -> None:
    """Not of one that was visited, nor of one that was exempted; once."""
    _approved(given_drawn(story))
    opened = _positions(story, DrawTargetSelected)
    story.given(_opening(_going(story)), actor=HEAD)
    other = chosen("A")
    custody: dict[str, Any] = {
        "draw": DRAW,
        "entity": other.uscc,
        "reason": "judicial_custody",
        "evidence": "查封",
    }
    story.given(RequestExemption(**custody, instrument="法院裁定"), actor=COORDINATOR)
    spare = next(s for s in SPARE if s.stratum == "A")
    story.given(ExemptTarget(**custody, reserves=moving_up(f"{DRAW}/A/1", spare)), actor=HEAD)
    end = {
        target: EndDeadline(rule_name="draw.inspect_by", opened_at_position=position)
        for target, position in opened.items()
    }
    story.at("2026-12-31T23:00+08:00").when(end[f"{DRAW}/B/1"]).raises(OutOfStep)
    story.at("2027-01-01T00:10+08:00").when(end[f"{DRAW}/B/1"]).then(
        like(DeadlineMissed, due_on=date(2026, 12, 31)),
        # Who was drawn is sealed until a visit opens; the evidence leads whoever may know there.
        like(
            FindingRaised,
            rule_id="DRW-V1",
            unit="MRB",
            entity=None,
            evidence_events=(opened[f"{DRAW}/B/1"],),
        ),
    )
    story.when(end[f"{DRAW}/B/1"]).then()
    story.when(end[f"{DRAW}/C/1"]).raises(OutOfStep, says="in time")
    story.when(end[f"{DRAW}/A/1"]).raises(OutOfStep, says="in time")


def test_DRW_V2_a_result_under_a_draw_that_did_not_choose_the_business(story: Scenario) -> None:
    """The result is published all the same; of one that was drawn nothing is found."""
    given_drawn(story)
    for task, entity in (("T-8", PREFIX + "0092B"), ("T-9", C)):
        _concluded(story, task, entity, draw=DRAW)
    story.when(PublishDrawResult(task="T-8", draw=DRAW), HEAD)
    assert _found(story) == ["DRW-V2"]
    story.when(PublishDrawResult(task="T-9", draw=DRAW), HEAD)
    assert _found(story) == []
    _concluded(story, "T-7", C)
    story.when(PublishDrawResult(task="T-7", draw="D-404"), HEAD).raises(UnknownReference)


def test_DRW_V2_a_draw_covers_its_own_visit_alone(story: Scenario) -> None:
    """Not one that it was not approved for, not a second one, other matters or another unit's."""
    given_drawn(story)
    head = {"MRB": HEAD, "EMB": actor("EMB", "EMB-HEAD", "unit_head")}
    story.given(_inspected("T-1"))
    for task, changed, found in (
        ("T-1", {"draw": DRAW}, []),
        ("T-2", {"draw": DRAW}, ["DRW-V2"]),
        ("T-3", {}, ["DRW-V2"]),
        ("T-4", {"draw": DRAW, "matters": ("M-2",)}, ["DRW-V2"]),
        ("T-5", {"draw": DRAW, "unit": "EMB"}, ["DRW-V2"]),
    ):
        _concluded(story, task, C, **changed)
        publish = PublishDrawResult(task=task, draw=DRAW)
        story.when(publish, head[str(changed.get("unit", "MRB"))])
        assert _found(story) == found, task


def test_DRW_V2_a_drawn_visit_that_was_refused_lawfully_is_the_drawn_one(story: Scenario) -> None:
    """Its task says so from its approval on."""
    _approved(given_drawn(story))
    story.given(
        ConcludeInspection(
            task="T-1", result="refused_by_entity", refusal_ground="certificates_not_shown"
        ),
        actor=HEAD,
    )
    story.when(PublishDrawResult(task="T-1"), HEAD)
    assert _found(story) == []


def test_DRW_V2_a_visit_that_was_called_random(story: Scenario) -> None:
    given_drawn(story)
    report = ReportIrregularVisit(
        irregular_visit="IV-1",
        entity=PREFIX + "0092B",
        reporter="self",
        visited_on=date(2026, 7, 20),
        facts="称系随机抽查",
        unit="MRB",
        label="random_inspection",
        scanned=True,
        officers_seen=2,
        matters=("M-1",),
    )
    story.when(report, HEAD).then(
        like(IrregularVisitReported, label="random_inspection"),
        like(FindingRaised, rule_id="FIL-V1"),
        like(FindingRaised, rule_id="DRW-V2", entity=PREFIX + "0092B"),
    )
    story.when(replace(report, irregular_visit="IV-2", draw=DRAW), HEAD)
    assert _found(story) == ["FIL-V1", "DRW-V2"]
    story.when(replace(report, irregular_visit="IV-3", draw=DRAW, entity=C), HEAD)
    assert _found(story) == ["FIL-V1"]
    story.when(replace(report, irregular_visit="IV-4", label="inspection"), HEAD)
    assert _found(story) == ["FIL-V1"]
    # A draw of another unit, or for other matters, does not make it one that was drawn.
    elsewhere = replace(report, draw=DRAW, entity=C)
    other = actor("EMB", "EMB-HEAD", "unit_head")
    story.when(replace(elsewhere, irregular_visit="IV-5", unit="EMB"), other)
    assert _found(story) == ["FIL-V1", "DRW-V2"]
    story.when(replace(elsewhere, irregular_visit="IV-6", matters=("M-2",)), HEAD)
    assert _found(story) == ["FIL-V1", "DRW-V2"]


def test_DRW_V4_the_same_pair_at_the_same_business_beyond_chance(story: Scenario) -> None:
    """Of fifteen pairs, one comes three times running: 15 ÷ 15³ is less than 0.01. Twice is not,
    nor three times at three businesses.
    """
    going = _approved(given_drawn(story))
    before = DrawTargetInspected(
        target="D-0/C/1",
        draw="D-0",
        entity=C,
        unit="MRB",
        task="T-0",
        stratum="C",
        inspected_on=date(2026, 3, 1),
        officers=going,
        drawn_from=6,
    )
    story.given(before)
    story.amid(
        replace(before, target="D-9/C/1", draw="D-9", entity=PREFIX + "0113U"),
        replace(before, target="D-8/C/1", draw="D-8", officers=("OFF-7", going[0])),
    )
    story.when(_opening(going), HEAD)
    assert _found(story) == []
    other = Scenario(InMemoryDCBRecorder())
    again = _approved(given_drawn(other))
    other.given(before, replace(before, target="D-9/C/1", draw="D-9"))
    other.when(_opening(again), HEAD).then(
        OnSiteInspectionOpened,
        DrawTargetInspected,
        like(FindingRaised, rule_id="DRW-V4", unit="MRB", entity=C, task="T-1"),
    )
    assert other.outcome is not None
    assert other.outcome.events[-1].event.facts["times"] == 3  # type: ignore[attr-defined]
    assert other.outcome.events[-1].event.facts["p"] == "0.004445"  # type: ignore[attr-defined]


# --- exempted, voided, verified, reviewed


def test_the_next_reserve_takes_the_place_of_whom_the_rules_let_off(story: Scenario) -> None:
    given_drawn(story)
    spare = next(line for line in SPARE if line.stratum == "C")
    place = f"{DRAW}/C/1"
    ask = RequestExemption(
        draw=DRAW, entity=C, reason="judicial_custody", evidence="查封", instrument="法院裁定"
    )
    story.given(ask, actor=COORDINATOR)
    exempt = ExemptTarget(
        draw=DRAW, entity=C, reason="judicial_custody", reserves=moving_up(place, spare)
    )
    story.when(replace(exempt, reserves=None), HEAD).raises(Unavailable)
    story.when(replace(exempt, reserves=moving_up(place, SPARE[0])), HEAD).raises(Unavailable)
    forged = moving_up(place, replace(spare, uscc=PREFIX + "0017J"))
    story.when(replace(exempt, reserves=forged), HEAD).refused("DRW-R6")
    story.when(exempt, HEAD).then(
        like(
            DrawTargetExempted,
            target=place,
            reason="judicial_custody",
            requested_by="COORD",
            replaced_by=f"{DRAW}/C/2",
        ),
        like(DrawTargetSelected, target=f"{DRAW}/C/2", entity=spare.uscc, in_place_of=place),
        like(FindingRaised, rule_id="DRW-V7"),
    )
    # One reserve was announced: the next exemption of the stratum calls nobody, and says so.
    story.given(replace(ask, entity=spare.uscc), actor=COORDINATOR)
    story.when(ExemptTarget(draw=DRAW, entity=spare.uscc, reason="judicial_custody"), HEAD).then(
        like(DrawTargetExempted, target=f"{DRAW}/C/2", replaced_by=None, no_reserve=True),
        like(FindingRaised, rule_id="DRW-V7"),
    )
    story.when(exempt, HEAD).raises(OutOfStep, says="exempted")


def test_DRW_R5_a_draw_is_voided_on_four_grounds_by_two_people(story: Scenario) -> None:
    void = VoidDraw(draw=DRAW, reason_code="software_fault", evidence="程序缺陷")
    given_drawn(story).amid(on("2026-07-16", _announced("D-9")))
    story.when(replace(void, reason_code="target_busy"), COORDINATOR).refused(
        "DRW-R5", grounds=("roster_error", "source_unpublished", "software_fault", "legal_change")
    )
    story.signed(void, COORDINATOR, COORDINATOR).refused("DRW-R5")
    story.signed(void, HEAD, COORDINATOR).refused("DRW-R5", reason="COORD operated the draw")
    small = actor("MRB", "coord", "draw_coordinator")
    story.signed(void, HEAD, small).refused("DRW-R5", reason="coord operated the draw")
    story.signed(void, COORDINATOR, HEAD).then(
        like(DrawVoided, stage="executed"), like(DrawOperated, approver="MRB-HEAD")
    )
    story.when(void, COORDINATOR).then()
    story.when(EXECUTE, COORDINATOR).raises(OutOfStep, says="voided")
    targets = tuple(f"{DRAW}/{line.stratum}/{line.rank}" for line in LINES)
    story.when(ReleaseTargets(draw=DRAW, targets=targets), COORDINATOR).then(
        *([DrawTargetReleased] * len(CHOSEN))
    )
    story.when(ReleaseTargets(draw=DRAW, targets=targets), COORDINATOR).then()


def test_DRW_V3_voiding_more_often_than_is_allowed_for(story: Scenario) -> None:
    """One a plan year; of another plan it does not count."""
    given_announced(story)
    voided = DrawVoided(
        draw="D-0",
        unit="MRB",
        plan="PLAN-0",
        stage="announced",
        reason_code="roster_error",
        evidence="x",
    )
    story.amid(voided)
    void = VoidDraw(draw=DRAW, reason_code="roster_error", evidence="有误")
    story.signed(void, COORDINATOR, HEAD).then(DrawVoided, DrawOperated)
    story.given(replace(ANNOUNCE, draw="D-2"), actor=COORDINATOR)
    story.signed(replace(void, draw="D-2"), COORDINATOR, HEAD).then(
        DrawVoided, DrawOperated, like(FindingRaised, rule_id="DRW-V3", unit="MRB", plan="PLAN-1")
    )


def test_a_draw_is_verified_by_what_comes_out_when_it_is_made_again(story: Scenario) -> None:
    verify = VerifyDraw(draw=DRAW, outcome=OUTCOME)
    given_seeded(story).when(verify, JB).raises(OutOfStep)
    story.given(EXECUTE, actor=COORDINATOR)
    story.when(replace(verify, outcome=None), JB).raises(Malformed, pointer="/outcome")
    story.when(verify, JB).then(like(DrawVerified, ok=True, recomputed=True, mismatch=None))
    other = replace(verify, outcome=replace(OUTCOME, selection_root="0" * 64))
    story.when(other, JB).then(
        like(
            DrawVerified,
            ok=False,
            mismatch=f"selection_root is {OUTCOME.selection_root}; made again it is {'0' * 64}",
        )
    )


def test_what_a_sender_said_of_a_draw_verifies_nothing(story: Scenario) -> None:
    """Version 1 believed whoever said so; a draw's document shows what the service found."""
    given_drawn(story).given(VerifyDraw(draw=DRAW, outcome=OUTCOME), actor=JB)
    story.given(DrawVerified(draw=DRAW, unit="MRB", ok=True, recomputed=False))
    records = [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]
    (verified,) = DrawState(DRAW).over(records).verifications
    assert (verified.unit, verified.by, verified.ok) == ("JB", "JB-1", True)


def test_DRW_V6_inspections_that_the_announced_ratio_makes_improbable(story: Scenario) -> None:
    """Sixty of grade C, half of them promised; nine in ten of the visits went there undrawn."""
    _big_draw(story)
    entities = _codes(60)
    visited = {
        entity: OnSiteInspectionOpened(
            task=f"T-{entity[-5:]}",
            entity=entity,
            unit="MRB",
            matters=("M-1",),
            officers=("OFF-1", "OFF-2"),
            certs_shown=(),
            notice_shown=True,
            rights_informed=True,
            conduct_rules_informed=True,
        )
        for entity in entities
    }
    for entity in entities[:30]:
        story.given(on("2026-07-21", visited[entity]))
    # None of these counts: too early, too late, other matters, another unit, a second visit.
    story.amid(
        on("2026-07-19", visited[entities[40]]),
        on("2027-01-01", visited[entities[41]]),
        on("2026-07-22", replace(visited[entities[42]], matters=("M-2",))),
        on("2026-07-22", replace(visited[entities[43]], unit="EMB")),
        on("2026-07-22", visited[entities[0]]),
    )
    review = ReviewDraw(draw="D-V6")
    story.at("2026-12-31T23:00+08:00").when(review, JB).raises(OutOfStep, says="must be over")
    story.at("2027-01-02T09:00+08:00").when(review, JB).then(
        like(DrawReviewed, inspected={"C": 30}, chances={"C": "1"})
    )
    story.when(review, JB).then()
    selective = Scenario(InMemoryDCBRecorder())
    _big_draw(selective)
    for entity in entities[:54]:
        selective.given(on("2026-07-21", visited[entity]))
    selective.at("2027-01-02T09:00+08:00").when(review, JB).then(
        like(DrawReviewed, inspected={"C": 54}),
        like(FindingRaised, rule_id="DRW-V6", unit="MRB", plan="PLAN-1"),
    )
    assert selective.outcome is not None
    facts = selective.outcome.events[-1].event.facts  # type: ignore[attr-defined]
    assert (facts["stratum"], facts["quota"], facts["inspected"]) == ("C", 30, 54)
    assert facts["p"] == "0.000001"


def test_a_selection_of_another_draw_is_no_part_of_this_one(story: Scenario) -> None:
    """The neighbour's targets, exemptions and voids leave a draw as it was."""
    given_drawn(story)
    target = DrawTargetSelected(
        target="D-9/C/1",
        draw="D-9",
        entity=C,
        unit="MRB",
        plan="PLAN-1",
        matters=("M-1",),
        stratum="C",
        ticket="0" * 64,
        rank=1,
        inclusion_prob="1",
        inspect_by=date(2026, 12, 31),
    )
    story.amid(
        target,
        DrawTargetExempted(
            target="D-9/C/1", draw="D-9", entity=C, unit="MRB", reason="closed", evidence="x"
        ),
        DrawTargetReleased(target="D-9/C/1", draw="D-9", entity=C, unit="MRB"),
    )
    story.when(AssignOfficers(draw=DRAW, entity=C, planned_on=date(2026, 8, 10)), COORDINATOR).then(
        like(OfficersAssigned, target=f"{DRAW}/C/1")
    )


# --- hands


def _announced(draw: str) -> DrawAnnounced:
    return DrawAnnounced(
        draw=draw,
        unit="EMB",
        plan="PLAN-9",
        year=2026,
        matters=("M-1",),
        by="grade",
        strata=(),
        sources=(),
        roster="R-9",
        roster_hash="0" * 64,
        roster_root="0" * 64,
        roster_count=0,
        roster_strata={},
        officer_roster="O-9",
        officer_roster_hash="0" * 64,
        inspect_by=date(2026, 12, 31),
    )


def _context(number: int) -> Any:
    from ledger.kernel.contexts import make_context

    now = civil_moment(date(2026, 7, 20), 17)
    return make_context(EXECUTE, COORDINATOR, now, key=f"key-{number}")


def _going(story: Scenario) -> tuple[str, ...]:
    from ledger.kernel.memory import Memory
    from ledger.systems.draws.folds import Target

    memory = Memory(story.ledger.recorder)
    memory.catch_up()
    return memory.fold(Target(f"{DRAW}/C/1")).officers


def _assigned(story: Scenario) -> tuple[str, ...]:
    story.given(
        AssignOfficers(draw=DRAW, entity=C, planned_on=date(2026, 8, 10)), actor=COORDINATOR
    )
    return _going(story)


def _task(entity: str, officers: tuple[str, ...], task: str = "T-1") -> ApproveTask:
    return ApproveTask(
        task=task,
        unit="MRB",
        entity=entity,
        kind="daily",
        trigger="plan",
        matters=("M-1",),
        officers=officers,
        planned_on=date(2026, 8, 10),
        non_onsite_considered=NON_ONSITE,
        draw=DRAW,
    )


def _concluded(
    story: Scenario, task: str, entity: str, draw: str | None = None, **changed: Any
) -> None:
    """A visit that is over, of whichever unit and matters."""
    concluded = InspectionConcluded(
        task=task, entity=entity, unit="MRB", matters=("M-1",), result="no_issue"
    )
    story.given(
        replace(_approved_event(task, entity), draw=draw, **changed), replace(concluded, **changed)
    )


def _inspected(task: str) -> DrawTargetInspected:
    """The visit to C that the draw asked for took place as this task."""
    return DrawTargetInspected(
        target=f"{DRAW}/C/1",
        draw=DRAW,
        entity=C,
        unit="MRB",
        task=task,
        stratum="C",
        inspected_on=date(2026, 7, 20),
    )


def _approved_event(task: str, entity: str) -> InspectionTaskApproved:
    return InspectionTaskApproved(
        task=task,
        entity=entity,
        unit="MRB",
        kind="daily",
        trigger="plan",
        matters=("M-1",),
        officers=("OFF-1", "OFF-2"),
        planned_on=date(2026, 8, 10),
        approver="MRB-HEAD",
        counter="capped",
        non_onsite_considered=NON_ONSITE,
    )


def moving_up(target: str, *lines: SelectedLine) -> CalledReserves:
    """The reserves that the service finds for a target's place."""
    return CalledReserves(target=target, lines=lines)


def _approved(story: Scenario) -> tuple[str, ...]:
    """A drawn visit that is approved and announced; who goes."""
    going = _assigned(story)
    story.given(EntityRegistered(entity=C, identity=Identity(name="丙")))
    story.given(_task(C, going), actor=HEAD).at("2026-08-10T09:00+08:00")
    story.given(IssueInspectionNotice(task="T-1", notice_no="N-1"), actor=HEAD)
    story.given(ScanEntry(task="T-1", act_code="AC", device="D"), actor=HEAD)
    return going


def _opening(going: tuple[str, ...]) -> OpenInspection:
    return OpenInspection(
        task="T-1",
        officers=going,
        certs_shown=tuple(f"甘A-{officer.removeprefix('OFF-')}" for officer in going),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )


def _found(story: Scenario) -> list[str]:
    assert story.outcome is not None, str(story.error)
    return [r.event.rule_id for r in story.outcome.events if isinstance(r.event, FindingRaised)]


def _positions(story: Scenario, kind: type[DrawTargetSelected]) -> dict[str, int]:
    records = [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]
    return {r.event.target: r.position for r in records if isinstance(r.event, kind)}


def _codes(count: int) -> list[str]:
    return [f"legacy:{number:05}" for number in range(count)]


def _big_draw(story: Scenario) -> None:
    """Sixty of grade C by the register, half of them due; the draw is made on 2026-07-20."""
    given_matters(story)
    entries: list[uvdraw.Entry] = [{"uscc": code, "grade": "C"} for code in _codes(60)]
    for code in _codes(60):
        story.given(
            EntityRegistered(entity=code, identity=Identity(name=code)),
            CreditGradeAssigned(
                entity=code,
                scheme="s",
                grade="C",
                assessed_on=date(2026, 1, 1),
                source="samr",
                factors=(Factor(kind="external_assessment"),),
                inputs_hash="0" * 64,
            ),
        )
    roster = frozen(entries)
    wanted = {"C": "0.5"}
    outcome, _ = drawn(entries, wanted, draw="D-V6")
    story.given(MATTER_LIST, actor=HEAD).given(
        replace(FREEZE, frozen=roster), FREEZE_OFFICERS, actor=COORDINATOR
    )
    story.given(replace(ANNOUNCE, draw="D-V6", strata=ratios(C="0.5")), actor=COORDINATOR)
    story.at("2026-07-20T16:00+08:00").given(replace(REVEAL, draw="D-V6"), actor=COORDINATOR)
    story.given(
        replace(EXECUTE, draw="D-V6", roster_hash=roster.roster_hash, outcome=outcome),
        actor=COORDINATOR,
    )
