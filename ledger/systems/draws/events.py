"""Events of double-random draws (双随机、一公开, 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.values import Result, Year
from ledger.general.vocabulary import (
    Badge,
    BlobDigest,
    DrawId,
    EntityId,
    MatterId,
    Name,
    OfficerId,
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
from ledger.systems.filing.events import Ratio

#: 重点检查事项、一般检查事项. The ratio of general matters is capped, that of key matters is not.
DrawMatterClass = Literal["key", "general"]
Method = Literal["on_site", "written", "network", "third_party"]
#: The property that divides a roster into strata: credit grade or risk.
By = Literal["grade", "risk"]
#: The key of a stratum. It is part of the preimage of tickets and must not contain ``|``.
StratumKey = Literal["A", "B", "C", "D", "low", "mid", "high"]
VoidGround = Literal["roster_error", "source_unpublished", "software_fault", "legal_change"]
ExemptGround = Literal[
    "closed", "moved", "already_inspected_same_matter", "judicial_custody", "cap_used"
]
SkipGround = Literal["conflict", "certificate", "leave", "specialty"]
#: The id of a target that is mentioned in an event without being its subject.
PlaceName = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Count = Annotated[int, msgspec.Meta(ge=0)]
#: The value of a source as published; a part of the seed.
SeedValue = Annotated[str, msgspec.Meta(pattern=r"^[^|\x00-\x1f]{1,500}(?![\s\S])")]


def _without(name: str) -> Upcaster:
    """Return an upcaster that removes a field, with which version 1 named a person in public."""

    def upcast(body: dict[str, Any]) -> dict[str, Any]:
        """Remove the field with which version 1 named a person in public."""
        return {field: value for field, value in body.items() if field != name}

    return upcast


def _senders_word(body: dict[str, Any]) -> dict[str, Any]:
    """Drop the person whom version 1 named, and mark its result as stated, not recomputed."""
    return {**_without("by")(body), "recomputed": False}


class DrawMatter(Value, omit_defaults=True):
    """A line of the matter list for random inspections; a general matter has a ``ratio_cap``."""

    matter: MatterId
    draw_class: DrawMatterClass
    target_class: Name
    method: Method
    ratio_cap: Ratio | None = None


class StratumRatio(Value):
    """The share of a stratum that is drawn."""

    key: StratumKey
    ratio: Ratio


class StratumCount(Value):
    """A stratum of a draw: its size, and how many of it must be drawn."""

    key: StratumKey
    size: Count
    quota: Count


class SeedSource(Value, omit_defaults=True):
    """随机源: a source of a part of the seed, named before anyone can know its value.

    A ``public`` source is a named lottery, index or beacon, published at ``publication_at``. For a
    ``commitment`` a party has published the SHA-256 of a secret (``commitment``) and must reveal
    the secret by ``publication_at``. ``fallback`` is used if the value is not published.
    """

    name: Name
    kind: Literal["public", "commitment"]
    publication_at: Moment
    commitment: Sha256 | None = None
    fallback: SeedValue | None = None


class SourceValue(Value):
    """The value of a source; if it was not ``revealed``, its announced fallback."""

    source: Name
    value: SeedValue
    revealed: bool = True


class SkippedOfficer(Value):
    """An officer earlier in the drawn order who could not go, and why."""

    officer: Badge
    reason: SkipGround


class DrawMatterListPublished(Event):
    """随机抽查事项清单公布: the matters for which a unit draws, with caps (国发〔2019〕5号)."""

    TOPIC: ClassVar[str] = "draws.draw-matter-list-published"
    VISIBILITY = "public"

    unit: UnitId
    version: int
    items: tuple[DrawMatter, ...]
    published_on: date


class EntityRosterFrozen(Event):
    """检查对象名录库定稿: the roster of businesses was frozen; it can no longer change.

    The roster is a blob with the digest ``roster_hash``; ``roster_root`` is the RFC 6962 root over
    its lines. It has the businesses of ``target_class`` on ``as_of``, narrowed by ``area`` and
    ``line``, as the ledger knew them at position ``composed_at``. ``left_out`` counts businesses
    that are not on it for a separately recorded reason (DRW-R7). Since version 2 ``units`` and
    ``matters`` are those of the draw that the roster is for, and ``excluded`` counts by stratum the
    businesses that are not on it because the capped visits of a unit in this year are used up and
    have all begun.
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
    roster_hash: BlobDigest
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

    ``ground`` is set if a rule excluded it, and not the person who froze the roster.
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
    """检查人员名录库定稿: the roster of officers who may be drawn to inspect was frozen.

    ``roster_hash`` is the SHA-256 of the canonical JSON list of the officers' ids, sorted.
    """

    TOPIC: ClassVar[str] = "draws.officer-roster-frozen"
    VISIBILITY = "shared"

    roster: RosterId
    unit: UnitId
    as_of: date
    officers: tuple[OfficerId, ...]
    roster_hash: Sha256


class DrawPart(Value):
    """The part of a unit in a draw of several units: its filed plan, matters and officers."""

    unit: UnitId
    plan: PlanId
    matters: tuple[MatterId, ...]
    officer_roster: RosterId
    officer_roster_hash: Sha256


class DrawAnnounced(Event):
    """抽查公告: a draw was announced with everything that decides it except the seed (DRW-R1).

    No part of the seed is known yet. ``by`` is the property that divides the roster into strata.
    From each stratum ``reserves`` further ranks follow the selected ones. ``inspect_by`` is the
    last day for the visits. ``withhold_reason`` is set if the roster contains a secret and is not
    published. The event names a unit and no person, because strangers check its bytes.

    Since version 3 a draw of several units has their ``parts``, including that of ``unit``, which
    initiates it; ``matters`` are the matters of all parts. ``excluded`` counts by stratum the
    businesses that are not on the roster because a cap is used up.
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
    """承诺值揭示: a party revealed the secret whose SHA-256 is in the announcement."""

    TOPIC: ClassVar[str] = "draws.draw-commitment-revealed"
    VISIBILITY = "public"

    draw: DrawId
    unit: UnitId
    source: Name
    value: SeedValue


class DrawSeedRevealed(Event):
    """随机种子公布: the values of all sources are known; joined by ``|`` they are the seed.

    ``not_revealed`` names the parties whose announced fallback was used.
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
    """随机抽取: the draw was carried out. The drawn businesses stay sealed until their visit opens.

    The selection is a blob with the digest ``selection_hash``: a JSON list of lines, by stratum and
    rank, with the reserves after the selected businesses. ``selection_root`` is the RFC 6962 root
    over its ``selection_count`` lines. ``selected`` counts the drawn businesses. The event names a
    unit and no person, because strangers check its bytes.
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
    selection_hash: BlobDigest
    selection_root: Sha256
    selection_count: Count


class DrawOperated(Event):
    """抽查操作人: the person who announced, carried out or voided a draw.

    The person is the actor of this event, which is recorded together with the event of the
    ``step``; that event is public and names only the unit. A person who announces or carries out a
    draw may not inspect in it (0.8). A voiding needs two people: ``approver`` is its actor, and the
    approval request names the other one. Since version 2 there is also the step ``substituted``:
    this person approved the replacement of an officer of another unit.
    """

    TOPIC: ClassVar[str] = "draws.draw-operated"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    draw: DrawId
    unit: UnitId
    step: Literal["announced", "executed", "voided", "substituted"]
    approver: Badge | None = None


class DrawTargetSelected(Event):
    """抽中检查对象: a business was drawn. Sealed, as only the unit may know of the coming visit.

    ``ticket``, ``rank`` and ``inclusion_prob`` are those of UVDRAW-1. A reserve has in
    ``in_place_of`` the exempted target that it replaces. Since version 2 ``units`` has all units of
    a draw of several units, which visit the business together.
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
    """随机选派检查人员: the first eligible officers in the drawn order were assigned to a visit.

    ``skipped`` names the officers before them who could not go, with the reasons.
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
    """更换检查人员: an officer was replaced by another one, for an approved reason.

    A substitution needs two people: ``approver`` is the actor of this event, and the approval
    request names the person who asked for it.
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
    """抽中对象已检查: officers visited a drawn business, even if nobody opened the door.

    ``drawn_from`` is the size of the roster that the officers were drawn from.
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
    """申请免予检查: a person requested to exempt a drawn business; another one decides (DRW-R10).

    ``instrument`` is the document of a court or prosecutor, if the ground is ``judicial_custody``.
    Sealed, because it reveals the coming visit.
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
    """免予检查: a drawn business was exempted from inspection, on a ground that the rules allow.

    Since version 2 its actor approved what ``requested_by`` asked for; ``of_itself`` says that it
    followed automatically because the business left its register. ``replaced_by`` is the reserve
    that takes its place; ``no_reserve`` says that none was left.
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
    #: Not a subject: this event is only about ``target``.
    replaced_by: PlaceName | None = None
    no_reserve: bool = False


class DrawTargetReleased(Event):
    """抽中对象解除: the draw was voided, so this business need no longer be visited."""

    TOPIC: ClassVar[str] = "draws.draw-target-released"

    target: TargetId
    draw: DrawId
    entity: EntityId
    unit: UnitId


class DrawVoided(Event):
    """抽查作废: a draw was voided on one of four grounds, approved by a second person (DRW-R5).

    ``stage`` is the stage at which it was voided. ``DrawOperated`` names the second person.
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
    """抽查复核: the draw was repeated from its roster and seed, on request of the actor.

    ``recomputed`` says that this service repeated it; an event of version 1 is only a claim of its
    sender. ``mismatch`` names the difference.
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
    """抽查履行评估: after its last day a draw was compared with the actual inspections.

    ``inspected`` counts them by stratum; ``chances`` has the two-sided exact binomial p of each
    stratum as a decimal.
    """

    TOPIC: ClassVar[str] = "draws.draw-reviewed"

    draw: DrawId
    unit: UnitId
    plan: PlanId
    inspected: dict[str, Count]
    chances: dict[str, str]


class DrawResultPublished(Event):
    """抽查检查结果公示: the result of an inspection was published (国发〔2019〕5号).

    The unit that inspected publishes it (谁检查、谁录入、谁公开). ``draw`` names the draw that
    selected the business. A result that contains a secret is withheld, for ``withhold_reason``.
    ``lawful_refusal`` says that the business lawfully refused entry, which does not count against
    it. ``days_late`` counts calendar days after ``draw.result_publish_wd``.
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
        """Return restricted for a withheld result: only the authorities see it."""
        return "public" if self.withhold_reason is None else "restricted"
