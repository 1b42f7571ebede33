"""Events of double-random draws (双随机、一公开, 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    DrawId,
    EntityId,
    MatterId,
    Name,
    OfficerId,
    PieceDigest,
    PlanId,
    RosterId,
    Sha256,
    TargetId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Event, Value, Visibility
from ledger.kernel.events import Moment, Upcaster
from ledger.systems.filing.events import Ratio, Result, Year

#: 重点检查事项、一般检查事项. General matters are drawn up to a cap, key matters without one.
DrawMatterClass = Literal["key", "general"]
Method = Literal["on_site", "written", "network", "third_party"]
#: What a roster is divided by: credit grade, or risk.
By = Literal["grade", "risk"]
#: One stratum; it stands in the preimage of tickets, so it holds no separator.
StratumKey = Literal["A", "B", "C", "D", "low", "mid", "high"]
VoidGround = Literal["roster_error", "source_unpublished", "software_fault", "legal_change"]
ExemptGround = Literal[
    "closed", "moved", "already_inspected_same_matter", "judicial_custody", "cap_used"
]
SkipGround = Literal["conflict", "certificate", "leave", "specialty"]
#: The id of a target where it is mentioned, and nothing is said of it.
PlaceName = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Count = Annotated[int, msgspec.Meta(ge=0)]
#: One value of a seed, as its source published it.
SeedValue = Annotated[str, msgspec.Meta(pattern=r"^[^|\x00-\x1f]{1,500}(?![\s\S])")]


def _without(name: str) -> Upcaster:
    """Version 1 named a person there, for everybody to read."""

    def upcast(body: dict[str, Any]) -> dict[str, Any]:
        return {field: value for field, value in body.items() if field != name}

    return upcast


def _senders_word(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 named who said so, and whoever did was believed."""
    return {**_without("by")(body), "recomputed": False}


class DrawMatter(Value, omit_defaults=True):
    """One line of a random-inspection matter list. A general matter has a ``ratio_cap``."""

    matter: MatterId
    draw_class: DrawMatterClass
    target_class: Name
    method: Method
    ratio_cap: Ratio | None = None


class StratumRatio(Value):
    """How large a share of one stratum is drawn."""

    key: StratumKey
    ratio: Ratio


class StratumCount(Value):
    """One stratum as drawn: how many stood in it, how many were due."""

    key: StratumKey
    size: Count
    quota: Count


class SeedSource(Value, omit_defaults=True):
    """随机源: where one part of the seed will come from, said before anybody can know it.

    ``public``: a named lottery, index or beacon, out at ``publication_at``. ``commitment``: a party
    has published the SHA-256 of a secret (``commitment``) and reveals it by ``publication_at``.
    ``fallback`` stands in for a value that does not come.
    """

    name: Name
    kind: Literal["public", "commitment"]
    publication_at: Moment
    commitment: Sha256 | None = None
    fallback: SeedValue | None = None


class SourceValue(Value):
    """What one source gave; not ``revealed``: its announced fallback stands here."""

    source: Name
    value: SeedValue
    revealed: bool = True


class SkippedOfficer(Value):
    """Somebody earlier in the order who could not go, and why."""

    officer: Badge
    reason: SkipGround


class DrawMatterListPublished(Event):
    """随机抽查事项清单公布: what a unit draws for, and how far (国发〔2019〕5号)."""

    TOPIC: ClassVar[str] = "draws.draw-matter-list-published"
    VISIBILITY = "public"

    unit: UnitId
    version: int
    items: tuple[DrawMatter, ...]
    published_on: date


class EntityRosterFrozen(Event):
    """检查对象名录库定稿: from here on nobody can be added to the roster or dropped from it.

    The roster itself lies beside the ledger under ``roster_hash``; ``roster_root`` is the RFC 6962
    root over its lines. It is what the ledger said at position ``composed_at`` of the businesses of
    ``target_class`` as of ``as_of``; ``area`` and ``line`` narrow that class. ``left_out`` counts
    those for whom it is recorded beside why they are not on it (DRW-R7). Since version 2 it names
    the ``units`` and ``matters`` of the draw that it is for; ``excluded`` counts, by stratum, those
    not on it because a unit's capped visits of the year are used up, all of them begun.
    """

    TOPIC: ClassVar[str] = "draws.entity-roster-frozen"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "public"

    roster: RosterId
    unit: UnitId
    as_of: date
    by: By
    target_class: Name
    roster_hash: PieceDigest
    roster_root: Sha256
    count: Count
    strata: dict[str, Count]
    composed_at: int
    left_out: Count = 0
    area: Name | None = None
    line: Name | None = None
    units: tuple[UnitId, ...] = ()
    matters: tuple[MatterId, ...] = ()
    excluded: dict[str, Count] = {}


class EntityLeftOut(Event):
    """未列入名录库: a business of the class is not on a roster, for a recorded reason (DRW-R7).

    ``ground``: it was excluded by a rule and not by whoever froze the roster.
    """

    TOPIC: ClassVar[str] = "draws.entity-left-out"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    roster: RosterId
    entity: EntityId
    unit: UnitId
    reason: Text
    ground: Literal["cap_used"] | None = None


class OfficerRosterFrozen(Event):
    """检查人员名录库定稿: who may be drawn to inspect. ``roster_hash`` is that of the canonical
    JSON list of the officers' ids, sorted.
    """

    TOPIC: ClassVar[str] = "draws.officer-roster-frozen"
    VISIBILITY = "shared"

    roster: RosterId
    unit: UnitId
    as_of: date
    officers: tuple[OfficerId, ...]
    roster_hash: Sha256


class DrawPart(Value):
    """The part of one unit in a draw of several: under its filed plan, for its matters, with its
    officers.
    """

    unit: UnitId
    plan: PlanId
    matters: tuple[MatterId, ...]
    officer_roster: RosterId
    officer_roster_hash: Sha256


class DrawAnnounced(Event):
    """抽查公告: everything that decides a draw but the seed, before any part of it exists (DRW-R1).

    ``by`` tells the key of the strata; from each, after those selected, come ``reserves`` further
    ranks. ``inspect_by`` is the last day for the visits. ``withhold_reason``: the roster holds a
    secret and is not published. Recorded in the name of the unit: strangers check its bytes. Since
    version 3 ``parts`` are those of a draw of several units, that of ``unit``, which initiates it,
    among them; ``matters`` are all of theirs. ``excluded`` counts, by stratum, those who are not on
    the roster because a cap is used up.
    """

    TOPIC: ClassVar[str] = "draws.draw-announced"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _without("operator"), 2: dict}
    VISIBILITY = "public"

    draw: DrawId
    unit: UnitId
    plan: PlanId
    year: Year
    matters: tuple[MatterId, ...]
    by: By
    strata: tuple[StratumRatio, ...]
    sources: tuple[SeedSource, ...]
    roster: RosterId
    roster_hash: Sha256
    roster_root: Sha256
    roster_count: Count
    roster_strata: dict[str, Count]
    officer_roster: RosterId
    officer_roster_hash: Sha256
    inspect_by: date
    reserves: Count = 0
    algorithm: Literal["UVDRAW-1"] = "UVDRAW-1"
    replaces: DrawId | None = None
    withhold_reason: Text | None = None
    parts: tuple[DrawPart, ...] = ()
    excluded: dict[str, Count] = {}


class DrawCommitmentRevealed(Event):
    """承诺值揭示: a party shows the secret whose SHA-256 the announcement holds."""

    TOPIC: ClassVar[str] = "draws.draw-commitment-revealed"
    VISIBILITY = "public"

    draw: DrawId
    unit: UnitId
    source: Name
    value: SeedValue


class DrawSeedRevealed(Event):
    """随机种子公布: the values of all sources are known; the seed is they, joined by ``|``.

    ``not_revealed`` names the parties whose announced fallback was taken.
    """

    TOPIC: ClassVar[str] = "draws.draw-seed-revealed"
    VISIBILITY = "public"

    draw: DrawId
    unit: UnitId
    plan: PlanId
    values: tuple[SourceValue, ...]
    seed: str
    not_revealed: tuple[Name, ...] = ()


class DrawExecuted(Event):
    """随机抽取: the draw is made. Who was drawn stays sealed until the visit opens.

    The selection lies beside the ledger under ``selection_hash``: a JSON list of lines, stratum by
    stratum, those selected by rank and after them the reserves; ``selection_root`` is the RFC 6962
    root over the ``selection_count`` lines. ``selected`` counts those drawn. Recorded in the name
    of the unit: strangers check its bytes.
    """

    TOPIC: ClassVar[str] = "draws.draw-executed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _without("operator")}
    VISIBILITY = "public"

    draw: DrawId
    unit: UnitId
    plan: PlanId
    roster_hash: Sha256
    seed: str
    strata: tuple[StratumCount, ...]
    selected: Count
    selection_hash: PieceDigest
    selection_root: Sha256
    selection_count: Count


class DrawOperated(Event):
    """抽查操作人: who announced, made or voided a draw; the public is told by which unit alone.

    It is the actor of this event, which stands beside that of the ``step``. Whoever announces or
    makes a draw may not inspect in it (0.8). ``approver`` is the second person of a voiding: its
    actor, since two people sign it; who requested it is named by the approval that it follows from.
    Since version 2 also who approved that an officer of another unit is replaced, whose affair the
    substitution itself is.
    """

    TOPIC: ClassVar[str] = "draws.draw-operated"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    draw: DrawId
    unit: UnitId
    step: Literal["announced", "executed", "voided", "substituted"]
    approver: Badge | None = None


class DrawTargetSelected(Event):
    """抽中检查对象: one business was drawn. Sealed: an upcoming visit is the unit's affair alone.

    ``ticket``, ``rank`` and ``inclusion_prob`` are those of UVDRAW-1. ``in_place_of``: a reserve,
    called up because that target was exempted. Since version 2 ``units`` are all of a draw of
    several, which visit it together.
    """

    TOPIC: ClassVar[str] = "draws.draw-target-selected"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "sealed"

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId
    plan: PlanId
    matters: tuple[MatterId, ...]
    stratum: StratumKey
    ticket: Sha256
    rank: int
    inclusion_prob: Ratio
    inspect_by: date
    in_place_of: TargetId | None = None
    units: tuple[UnitId, ...] = ()


class OfficersAssigned(Event):
    """随机选派检查人员: the first eligible officers in the order that the seed gives.

    ``skipped`` names those before them who could not go, with the reason.
    """

    TOPIC: ClassVar[str] = "draws.officers-assigned"
    VISIBILITY = "sealed"

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId
    officers: tuple[OfficerId, ...]
    planned_on: date
    skipped: tuple[SkippedOfficer, ...] = ()


class OfficerSubstituted(Event):
    """更换检查人员: one officer goes in another's place, for an approved reason.

    ``approver`` is its actor, since two people sign it; who requested it is named by the approval
    that it follows from.
    """

    TOPIC: ClassVar[str] = "draws.officer-substituted"
    VISIBILITY = "sealed"

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId
    from_officer: OfficerId
    to_officer: OfficerId
    reason: Text
    approver: Badge


class DrawTargetInspected(Event):
    """抽中对象已检查: the visit that the draw asked for has begun, or ended at a closed door.

    ``drawn_from``: how many officers stood on the roster that the two were drawn from.
    """

    TOPIC: ClassVar[str] = "draws.draw-target-inspected"

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId
    task: TaskId
    stratum: StratumKey
    inspected_on: date
    officers: tuple[OfficerId, ...] = ()
    drawn_from: Count = 0


class DrawExemptionRequested(Event):
    """申请免予检查: somebody asks to let a drawn business off; another person decides (DRW-R10).

    ``instrument`` is the court's or prosecutor's document of a judicial custody. Sealed, as long as
    the visit is.
    """

    TOPIC: ClassVar[str] = "draws.draw-exemption-requested"
    VISIBILITY = "sealed"

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId
    reason: ExemptGround
    evidence: Text
    instrument: Text | None = None


class DrawTargetExempted(Event):
    """免予检查: a drawn business is not inspected, on a ground that the rules name.

    Since version 2: its actor approved what ``requested_by`` asked for, unless it followed
    ``of_itself`` from the business's leaving the register. ``replaced_by`` is the reserve that
    moves up; ``no_reserve``: none was left.
    """

    TOPIC: ClassVar[str] = "draws.draw-target-exempted"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId
    reason: ExemptGround
    evidence: Text
    requested_by: Badge | None = None
    instrument: Text | None = None
    of_itself: bool = False
    #: No subject: what is said here is said of ``target`` alone.
    replaced_by: PlaceName | None = None
    no_reserve: bool = False


class DrawTargetReleased(Event):
    """抽中对象解除: the draw was voided, and its visit is no longer asked for."""

    TOPIC: ClassVar[str] = "draws.draw-target-released"

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId


class DrawVoided(Event):
    """抽查作废: a draw does not count, on one of four grounds, with a second person (DRW-R5).

    ``stage`` is how far it had come. The second person stands in the event beside it.
    """

    TOPIC: ClassVar[str] = "draws.draw-voided"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _without("approver")}
    VISIBILITY = "public"

    draw: DrawId
    unit: UnitId
    plan: PlanId
    stage: Name
    reason_code: VoidGround
    evidence: Text


class DrawVerified(Event):
    """抽查复核: the draw was made again from its roster and seed; its actor had that done.

    ``recomputed``: the service made it; of what version 1 said, only its sender knows. ``mismatch``
    says in what it differs.
    """

    TOPIC: ClassVar[str] = "draws.draw-verified"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _senders_word}
    VISIBILITY = "public"

    draw: DrawId
    unit: UnitId
    ok: bool
    recomputed: bool
    mismatch: Text | None = None


class DrawReviewed(Event):
    """抽查履行评估: at the end of a draw's time, how many of each stratum were in fact inspected.

    ``chances`` gives the two-sided exact binomial p for each stratum, as a decimal.
    """

    TOPIC: ClassVar[str] = "draws.draw-reviewed"

    draw: DrawId
    unit: UnitId
    plan: PlanId
    inspected: dict[str, Count]
    chances: dict[str, str]


class DrawResultPublished(Event):
    """抽查检查结果公示: the public can read what an inspection found (国发〔2019〕5号).

    Published by the unit that inspected (谁检查、谁录入、谁公开). ``draw`` names the draw that
    chose the business. A result that holds a secret is withheld with its reason.
    ``lawful_refusal``: the business rightly let nobody in; that says nothing against it.
    ``days_late`` counts calendar days after ``draw.result_publish_wd``.
    """

    TOPIC: ClassVar[str] = "draws.draw-result-published"

    task: TaskId
    entity: EntityId
    unit: UnitId
    matters: tuple[MatterId, ...]
    result: Result
    published_on: date
    days_late: int = 0
    lawful_refusal: bool = False
    withhold_reason: Text | None = None
    draw: DrawId | None = None

    def visibility(self) -> Visibility:
        """A withheld result is seen by the authorities alone."""
        return "public" if self.withhold_reason is None else "restricted"
