"""The identifiers of the rulebook's subjects (0.11), further shared types, and the roles.

Every id type here is a string whose declaration names the kind of subject; a field of that type
becomes a tag of its event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Annotated, Literal
from unicodedata import category, normalize

import msgspec
from stdnum.cn import uscc

from ledger.general.personaldata import holds_identity_number, is_identity_number, personal_data
from ledger.kernel import Message, Value, message, subject
from ledger.kernel.messages import InvalidValue, declare_form

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@#~+-]{0,119}$"
_USCC = re.compile(r"^[0-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}$")
#: Division codes (GB/T 2260): the whole country, or a province by its first two digits.
_DIVISION = re.compile(r"^(?:100000|(?:1[1-9]|[2-5][0-9]|6[0-5]|71|81|82)[0-9]{4})$")


def normal_entity(value: str) -> str:
    """Return the normal spelling of a business's id: without outer blanks, a USCC in capitals."""
    value = value.strip()
    return value if ":" in value else value.upper()


@lru_cache(maxsize=65_536)  # commands name the same businesses again and again
def check_entity(value: str) -> None:
    """Check that an id can be a Unified Social Credit Identifier (GB 32100-2015, Annex A).

    A business without a USCC has a legacy id, ``<register>:<number>``, which must not contain a
    citizen's identity number. Raises ``ValueError``; its message does not repeat digits that could
    be a personal number.
    """
    if ":" in value:
        if holds_identity_number(value):
            raise InvalidValue("general.business-holds-identity-number")
        return
    if not _USCC.match(value):
        raise InvalidValue("general.must-be-uscc", value=_shown(value))
    if not _DIVISION.match(value[2:8]):
        raise InvalidValue("general.must-hold-division-code", value=_shown(value))


def doubt_entity(value: str, today: date) -> Message | None:
    """Return why a business's id is accepted only with a reference to the register that shows it.

    The reason is that it looks like a personal number, or that its check character is wrong by
    GB 32100. ``None`` if the id is not doubtful.
    """
    odd = oddity_of(value, today)
    if odd is None:
        return None
    if odd == "personal_number":
        return message("general.looks-like-personal-number")
    if not _lettered(value):
        return message("general.check-character-wrong", value=_shown(value))
    return message(
        "general.check-character-must-be",
        value=value,
        begin=value[:17],
        check=uscc.calc_check_digit(value[:17]),
    )


#: Why the id of a business is doubtful.
Oddity = Literal["check_character", "personal_number"]


@lru_cache(maxsize=65_536)
def oddity_of(value: str, today: date) -> Oddity | None:
    """Return why the id of a business is doubtful; ``None`` if it is not."""
    if ":" in value:
        return "personal_number" if personal_data(value.partition(":")[2]) else None
    if is_identity_number(value, today):
        return "personal_number"
    return None if uscc.is_valid(value) else "check_character"


def _lettered(value: str) -> bool:
    """Whether a letter is before the last character; a personal number has none there."""
    return not value[:17].isdigit()


def _shown(value: str) -> str | Message:
    return repr(value) if _lettered(value) else message("general.number-not-repeated")


def province_of(entity: str) -> str | None:
    """Return the province of a business's register: the first two digits of its division code.

    ``None`` for a business without a USCC.
    """
    return None if ":" in entity else entity[2:4]


EntityId = Annotated[
    str,
    subject(
        "entity",
        hideable=False,
        # A command may have outer blanks and small letters; the recorded id has neither.
        pattern=r"^\s*(?:[0-9A-Za-z]{18}|[a-z][a-z0-9-]{1,39}:[A-Za-z0-9._/-]{1,60})\s*$",
        normal=normal_entity,
        check=check_entity,
        doubt=doubt_entity,
        description="统一社会信用代码 (USCC), or <register>:<number> for a business without one",
        examples=["91620100MA7LX0017J"],
    ),
]
#: The person who acts, named by a badge id and never by a name.
ActorId = Annotated[str, subject("actor", hideable=False, pattern=_NAME, examples=["HEAD-001"])]
#: The person whom a token is for, named like an actor.
HolderId = Annotated[str, subject("holder", hideable=False, pattern=_NAME, examples=["HEAD-001"])]
UnitId = Annotated[str, subject("unit", hideable=False, pattern=_NAME, examples=["MRB"])]
OfficerId = Annotated[str, subject("officer", hideable=False, pattern=_NAME, examples=["OFF-001"])]
MatterId = Annotated[str, subject("matter", pattern=_NAME, examples=["M-101"])]
LawId = Annotated[
    str,
    subject(
        "law",
        hideable=False,
        pattern=r"^\S(?:.{0,118}\S)?$",
        description="an instrument by its full name, as the bases of matters cite it",
        examples=["中华人民共和国食品安全法"],
    ),
]
PlanId = Annotated[str, subject("plan", pattern=_NAME, examples=["PLAN-MRB-2026"])]
FilingId = Annotated[str, subject("filing", pattern=_NAME, examples=["FIL-2026-0815"])]
TaskId = Annotated[str, subject("task", pattern=_NAME, examples=["T-2026-0001"])]
IrregularVisitId = Annotated[str, subject("irregular-visit", pattern=_NAME)]
InspectionId = Annotated[str, subject("inspection", pattern=r"^\S(?:.{0,118}\S)?$")]
DrawId = Annotated[str, subject("draw", hideable=False, pattern=_NAME, examples=["DRAW-2026-0007"])]
RosterId = Annotated[str, subject("roster", pattern=_NAME, examples=["ROSTER-2026-07"])]
#: One place of a draw's selection: ``<draw>/<stratum>/<rank>``.
TargetId = Annotated[str, subject("target", examples=["DRAW-2026-0007/C/1"])]
RecordId = Annotated[str, subject("record", pattern=_NAME, examples=["CR-2026-0001"])]
CaseId = Annotated[str, subject("case", pattern=_NAME, examples=["CASE-2026-0001"])]
EvidenceId = Annotated[str, subject("evidence", pattern=_NAME, examples=["EV-2026-0001"])]
DecisionId = Annotated[str, subject("decision", pattern=_NAME, examples=["DEC-2026-0001"])]
ViolationCode = Annotated[
    str,
    subject(
        "violation-code",
        hideable=False,
        pattern=_NAME,
        description="违法行为代码: the type of violation, as the discretion benchmark lists it",
        examples=["FS-034"],
    ),
]
#: The figures of one unit for one year, named ``<unit>:<year>``.
AnnualStatsId = Annotated[
    str,
    subject(
        "annual-stats",
        hideable=False,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@#~+-]{0,113}:[0-9]{4}$",
        examples=["MRB:2026"],
    ),
]
FindingId = Annotated[str, subject("finding", pattern=_NAME)]
ImportId = Annotated[str, subject("import", pattern=_NAME)]
JointId = Annotated[str, subject("joint", pattern=_NAME, examples=["JNT-2026-0001"])]
JointArtefactId = Annotated[str, subject("joint-artefact", pattern=_NAME, examples=["UF-7"])]
CommitmentId = Annotated[str, subject("commitment", pattern=_NAME, examples=["CMT-2026-0001"])]
DeterminationId = Annotated[str, subject("determination", pattern=_NAME, examples=["DET-2026-1"])]
MeasureCatalogueId = Annotated[str, subject("measure-catalogue", hideable=False, pattern=_NAME)]
ListFieldId = Annotated[
    str, subject("list-field", hideable=False, pattern=_NAME, examples=["food_drug"])
]
SanctionId = Annotated[str, subject("sanction", pattern=_NAME, examples=["SAN-2026-0001"])]
IncentiveId = Annotated[str, subject("incentive", pattern=_NAME, examples=["INC-2026-0001"])]
RepairId = Annotated[str, subject("repair", pattern=_NAME, examples=["REP-2026-0001"])]
SubscriptionId = Annotated[str, subject("subscription", pattern=_NAME, examples=["SUB-0001"])]
KeyDomain = Annotated[str, subject("key", hideable=False, pattern=_NAME, examples=["work_safety"])]
DesignationId = Annotated[str, subject("designation", pattern=_NAME, examples=["KEY-2026-0001"])]
ScreeningId = Annotated[str, subject("screening", pattern=_NAME, examples=["SCR-2026-09"])]
ObservationId = Annotated[str, subject("observation", pattern=_NAME, examples=["OBS-2026-0001"])]
SoftMeasureId = Annotated[str, subject("soft-measure", pattern=_NAME, examples=["SM-2026-0001"])]
ReviewBatchId = Annotated[str, subject("review-batch", pattern=_NAME, examples=["CFR-2026-01"])]
CaseFileId = Annotated[str, subject("casefile", pattern=_NAME, examples=["CF-2026-0001"])]
SupDocId = Annotated[str, subject("supdoc", pattern=_NAME, examples=["SD-2026-0001"])]
#: A supervision document that the rule-of-law office proposes to the Justice Bureau.
ProposalId = Annotated[str, subject("proposal", pattern=_NAME, examples=["PRO-2026-0001"])]
ComplaintId = Annotated[str, subject("complaint", pattern=_NAME, examples=["CMP-2026-0001"])]
ApprovalId = Annotated[str, subject("approval", pattern=_NAME, examples=["APR.4f1c.1"])]
#: A work plan for a year, a work item in it, and a milestone: ``<work>/<code>``.
WorkPlanId = Annotated[str, subject("work-plan", pattern=_NAME, examples=["WP-MRB-2026"])]
WorkId = Annotated[
    str,
    subject("work", pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@#~+-]{0,78}$", examples=["W-MRB-2026-2"]),
]
MilestoneId = Annotated[str, subject("milestone", pattern=_NAME, examples=["W-MRB-2026-2/MS-1"])]
UrgeId = Annotated[str, subject("urge", pattern=_NAME, examples=["URGE-2026-0001"])]
#: The event id of a recorded event that serves as evidence.
EvidenceEventId = Annotated[
    str,
    subject("evidence-event", pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
]
DelegationId = Annotated[
    str, subject("delegation", hideable=False, pattern=_NAME, examples=["DLG-2026-01"])
]
#: Good practice that units publish, and their outreach to the public.
ExperienceId = Annotated[str, subject("experience", pattern=_NAME, examples=["EXP-2026-0001"])]
OutreachId = Annotated[str, subject("outreach", pattern=_NAME, examples=["OUT-2026-0001"])]
ChannelId = Annotated[
    str, subject("channel", hideable=False, pattern=_NAME, examples=["CH-MRB-PHONE"])
]
ReconId = Annotated[str, subject("recon", pattern=_NAME, examples=["RCN-2026-0001"])]
MonthId = Annotated[
    str,
    subject("month", hideable=False, pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-05"]),
]
AssessmentYear = Annotated[
    str, subject("assessment", hideable=False, pattern=r"^[0-9]{4}$", examples=["2026"])
]

#: 启用: one takeover from an older system; each authority enters its facts from that system.
TakeOnId = Annotated[
    str,
    subject(
        "takeon",
        hideable=False,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$",
        examples=["TAKEON-2026"],
    ),
]
#: The name of the older system.
TakeOnSourceId = Annotated[
    str, subject("takeon-source", hideable=False, pattern=_NAME, examples=["penalty-system-2019"])
]
#: One fact of an older system: ``<take-on>/<kind>/<its id there>``.
OpeningFactId = Annotated[str, subject("opening-fact")]
#: The id of a fact in the older system, unchanged.
OlderId = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=60,
        pattern=r"^\S(?:.{0,58}\S)?(?![\s\S])",
        extra={"words": True},
        description="the id of a fact in the older system",
        examples=["CF-2025-0381"],
    ),
]
#: A duty with an open deadline that was taken over from an older system.
DutyId = Annotated[str, subject("duty", pattern=_NAME, examples=["DUTY-2026-0001"])]

Grade = Literal["A", "B", "C", "D"]


def same_person(one: str, other: str) -> bool:
    """Whether two ids name one person.

    Capital letters, blanks, invisible characters, other forms of the same character, and the prefix
    of a machine account (``os:``) do not make a second person.
    """
    return person_key(one) == person_key(other)


def person_key(name: str) -> str:
    """Return the form of a person's id in which ids are compared and looked up."""
    folded = normalize("NFKC", normalize("NFKC", name).casefold())
    shown = "".join(c for c in folded if not c.isspace() and category(c)[0] != "C")
    return shown.removeprefix("os:")


def is_among(person: str, people: Iterable[str]) -> bool:
    """Whether a person is one of ``people``, compared by ``same_person``."""
    return any(same_person(person, other) for other in people)


#: A digest of content that is stored outside the ledger's events.
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256, hex")]
#: The digest of a blob that is stored with the ledger and must be kept as long as the event.
BlobDigest = Annotated[Sha256, msgspec.Meta(extra={"blob": True})]


class StoredFile(Value):
    """存证文件: the size and kind of a file that this ledger keeps under its digest."""

    size: Annotated[int, msgspec.Meta(ge=1, description="bytes of content")]
    media_type: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+/[a-z0-9.+-]{1,50}(?![\s\S])")]


#: Free text, marked so that it is checked for personal data before it is recorded.
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, extra={"words": True})]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, extra={"words": True})]
#: The badge id or certificate of an officer, public by law (执法公示). It is not checked for
#: personal data, because some have as many digits as a telephone number.
Badge = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
#: Personal data before it is sealed. It must not be blank: once sealed, nobody would notice.
PersonalText = Annotated[
    Name, msgspec.Meta(pattern=r"\S", description="text that is not blank", examples=["张三丰"])
]
#: A token for a person whose data is outside the ledger. Its pattern excludes Chinese names and
#: telephone numbers.
PersonToken = Annotated[
    str,
    msgspec.Meta(
        extra={"words": True},
        pattern=r"^[A-Za-z][A-Za-z0-9._-]{5,118}[A-Za-z0-9](?![\s\S])",
        description="a token that stands for a person; never a name or number",
        examples=["person-7f3a9c21"],
    ),
]
#: A person whose data this ledger seals (0.10). The token is random and made when the data arrives.
#: Once the vault has erased the person's key, the data cannot be read any more.
PersonId = Annotated[
    str,
    subject(
        "person",
        pattern=r"^psn-[0-9a-f]{32}$",
        description="a random token that stands for a natural person",
        examples=["psn-3f9c1b7a5d2e48609ab4c7d81e6f0352"],
    ),
]
#: A person named in a command, by a token of another store or of this ledger. Events have separate
#: fields for the two.
NamedPerson = Annotated[
    str,
    msgspec.Meta(extra={"words": True}),
    subject(
        "person",
        pattern=r"^[A-Za-z][A-Za-z0-9._-]{5,118}[A-Za-z0-9](?![\s\S])",
        description="a token that stands for a person; never a name or number",
        examples=["person-7f3a9c21"],
    ),
]
#: 许可证编号: the number printed on a licence. It is not marked as free text, because some have as
#: many digits as a personal number.
LicenceNo = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\S(?:.{0,58}\S)?(?![\s\S])",
        description="the number printed on the licence",
        examples=["JY26201000012345"],
    ),
]
#: A public body by its USCC, where it is not a subject of the event that names it.
BodyCode = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}(?![\s\S])",
        description="统一社会信用代码 of a public body (GB 32100)",
        examples=["11620100013909010F"],
    ),
]
#: Money is counted in fen, a hundredth of a yuan.
Fen = Annotated[int, msgspec.Meta(ge=0, description="amount in fen")]


def in_yuan(fen: int, language: str) -> str:
    """Return an amount in fen as a language writes money: "CNY 20,000.00" or "20,000元"."""
    yuan, rest = divmod(fen, 100)
    if language == "en":
        return f"CNY {yuan:,}.{rest:02}"
    return f"{yuan:,}.{rest:02}元" if rest else f"{yuan:,}元"


#: ``{fine_fen:yuan}`` in a text.
declare_form("yuan", in_yuan)

Role = Literal[
    "enforcement_officer",
    "office_head",
    "unit_legal_office",
    "unit_head",
    "jb_supervisor",
    "credit_officer",
    "draw_coordinator",
    "recon_officer",
    "rlo_assessor",
    "park_committee",
    "entity_rep",
    "public",
    "subscriber_system",
    "ledger_clock",
    "operator",
]
