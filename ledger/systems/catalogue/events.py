"""Events of units, officers and the matter catalogue (执法事项清单, 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    EntityId,
    LawId,
    MatterId,
    Name,
    OfficerId,
    Text,
    UnitId,
)
from ledger.kernel import Event, Value, Visibility
from ledger.kernel.events import Upcaster
from ledger.systems.entities.events import Area

ActKind = Literal[
    "licence",
    "penalty",
    "compulsion",
    "inspection",
    "levy",
    "payment",
    "confirmation",
    "ruling",
    "reward",
    "other",
]
#: Levels of law that may carry an inspection, and those that may not (CAT-R1).
BasisLevel = Literal[
    "law",
    "admin_regulation",
    "local_regulation",
    "dept_rule",
    "local_gov_rule",
    "state_council_decision",
    "normative_document",
    "mandate_document",
]
#: The ten key domains that the Notice names (2.5), and everything else.
Domain = Literal[
    "food_drug",
    "public_health",
    "natural_resources",
    "environment",
    "work_safety",
    "labour",
    "urban_management",
    "transport",
    "financial_services",
    "education_training",
    "general",
]


class Basis(Value):
    """执法依据: one article of one instrument, with the level of that instrument."""

    level: BasisLevel
    instrument: Name
    article: Name
    repealed_on: date | None = None


class EnforcementUnitQualified(Event):
    """执法主体资格: a unit may enforce, itself or in the name of the one that entrusted it."""

    TOPIC: ClassVar[str] = "catalogue.enforcement-unit-qualified"
    VISIBILITY = "public"

    unit: UnitId
    name: Name
    kind: Literal["organ", "authorised_org", "entrusted_org"]
    valid_from: date
    valid_to: date | None = None
    uscc: EntityId | None = None
    area: Area | None = None
    entrusted_by: UnitId | None = None
    entrustment_ref: Name | None = None
    entrusted_matters: tuple[MatterId, ...] = ()


class OfficerCertified(Event):
    """执法证件: an officer of a unit is certified for some domains, for a time."""

    TOPIC: ClassVar[str] = "catalogue.officer-certified"
    CORRECTABLE = frozenset({"cert_no", "valid_from", "valid_to"})

    officer: OfficerId
    unit: UnitId
    cert_no: Badge
    valid_from: date
    valid_to: date
    domains: tuple[Domain, ...]


class OfficerCertificateSuspended(Event):
    """执法证件暂扣: the officer may not enforce from this day on, or until a day."""

    TOPIC: ClassVar[str] = "catalogue.officer-certificate-suspended"

    officer: OfficerId
    unit: UnitId
    suspended_from: date
    suspended_to: date | None = None
    reason: Text


class OfficerConflictDeclared(Event):
    """回避: an officer has a conflict with a business, declared or upheld."""

    TOPIC: ClassVar[str] = "catalogue.officer-conflict-declared"

    officer: OfficerId
    entity: EntityId
    basis: Literal["declared", "upheld"]
    reason: Text


class OfficerConflictEnded(Event):
    """回避解除: the conflict no longer exists, or was not upheld."""

    TOPIC: ClassVar[str] = "catalogue.officer-conflict-ended"

    officer: OfficerId
    entity: EntityId
    reason: Text


class MatterElements(Value):
    """What the Notice wants listed of a matter, and what its rules need."""

    name: Name
    act_kind: ActKind
    office_id: Name | None = None
    bases: tuple[Basis, ...] = ()
    mandate_ref: Name | None = None
    entity_facing: bool = True
    entity_class: Name = "all"
    domain: Domain = "general"
    special_trade: bool = False
    inspection_standard_ref: Name | None = None
    division_note: Text | None = None
    delegated_to: UnitId | None = None
    delegation_ref: Name | None = None


class MatterListed(Event):
    """事项列入清单: a unit lists a matter. Listing gives no power yet: publishing does (CAT-R2).

    A draft, which is the affair of its unit and the supervisors; the public reads what is
    published, with the publication.
    """

    TOPIC: ClassVar[str] = "catalogue.matter-listed"
    NARROWED = True

    matter: MatterId
    unit: UnitId
    elements: MatterElements


class MatterRevised(Event):
    """动态调整: a listed matter changes; it has to be published again to be used as changed.

    A draft until then, as ``MatterListed``.
    """

    TOPIC: ClassVar[str] = "catalogue.matter-revised"
    NARROWED = True

    matter: MatterId
    unit: UnitId
    version: int
    elements: MatterElements
    reason: Literal["law_change", "mandate_change", "ineffective", "merge"]


class MatterPublished(Event):
    """事项公布: the public can read the matter with its four elements.

    Since version 2 ``elements`` are what is published: the listing that holds them is a draft.
    """

    TOPIC: ClassVar[str] = "catalogue.matter-published"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "public"

    matter: MatterId
    unit: UnitId
    version: int
    url: Name
    published_on: date
    days_late: int = 0
    elements: MatterElements | None = None


#: 行政检查实施编码: fourteen digits by which 互联网+监管 names a matter of supervision.
SupervisionCode = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{14}(?![\s\S])", examples=["01164010100000"])
]
#: 检查实施清单编码: the USCC of the body, a digit from 1 to 5 for its level, and what follows.
ImplementationCode = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}[1-5][0-9A-Z]{1,31}(?![\s\S])",
        examples=["11620100013909010F3620164001000"],
    ),
]


class MatterCode(Value, omit_defaults=True):
    """A code that another system gives a matter, from a day to another; both days included.

    One of ``supervision_item`` and ``implementation_item`` is given.
    """

    supervision_item: SupervisionCode | None = None
    implementation_item: ImplementationCode | None = None
    valid_from: date
    valid_to: date | None = None


class MatterCodesAssigned(Event):
    """事项编码: the codes of a published matter in other systems, all of them, as they hold since.

    A later assignment takes the place of an earlier one, which stays on record.
    """

    TOPIC: ClassVar[str] = "catalogue.matter-codes-assigned"
    VISIBILITY = "public"

    matter: MatterId
    unit: UnitId
    codes: tuple[MatterCode, ...]


class MatterWithdrawn(Event):
    """事项取消: the matter may no longer be used.

    ``draft``: no version of it was ever published; since version 2.
    """

    TOPIC: ClassVar[str] = "catalogue.matter-withdrawn"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    matter: MatterId
    unit: UnitId
    reason: Text
    draft: bool = False

    def visibility(self) -> Visibility:
        """Public, as what it withdraws; of a draft nobody else is told that it was one."""
        return "restricted" if self.draft else "public"


class BasisRepealed(Event):
    """执法依据废止: an instrument, or one article of it, is law no more from ``repealed_on``.

    ``matters`` are those in use that rested on it when this was recorded. ``ahead``: the day still
    lay ahead then.
    """

    TOPIC: ClassVar[str] = "catalogue.basis-repealed"
    VISIBILITY = "public"

    law: LawId
    article: Name | None = None
    repealed_on: date
    repealed_by: Name | None = None
    matters: tuple[MatterId, ...] = ()
    ahead: bool = False
