"""Rules of the matter catalogue (2.1), each declared once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from stdnum.cn import uscc

from ledger.general.findings import finding
from ledger.kernel import DeadlineRule, Event, Inquiry, Malformed, Recorded, Rule, finding_rule
from ledger.systems.catalogue.events import (
    Basis,
    BasisRepealed,
    MatterCode,
    MatterListed,
    MatterPublished,
    MatterRevised,
)
from ledger.systems.catalogue.folds import MattersOn, RepealsFound

_STRICT = "国办发〔2024〕54号《关于严格规范涉企行政检查的意见》"
_NOTICE_1 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务一"

CAT_R1 = Rule(
    "CAT-R1",
    "matter {matter} has no sufficient legal basis: {reason}",
    f"{_STRICT}; 司法部问答",
    "Name a law, regulation, rule or State Council decision with its article as the basis.",
)
CAT_R2 = Rule(
    "CAT-R2",
    "matter {matter} was not published and in force on {on}",
    f"{_STRICT}: 未经公布的,不得实施",
    "Publish the matter with its four elements first; acts are allowed from that day.",
)
CAT_R3 = Rule(
    "CAT-R3",
    "unit {unit} is not qualified on {on} to act on {matters}",
    "行政处罚法 Arts. 17-21; 甘政办发〔2025〕36号",
    "Record the unit's qualification or the entrustment that covers the matter.",
)
CAT_R4 = Rule(
    "CAT-R4",
    "{body} cannot be an inspecting body",
    f"{_STRICT}: 议事协调机构、第三方、外包机构不得实施检查",
    "Only organs, authorised organisations and entrusted public organisations can be qualified.",
)
CAT_R5 = Rule(
    "CAT-R5",
    "matter {matter} cannot be published without {missing}",
    _NOTICE_1,
    "Revise the matter so that it has a name, an enforcement body, a handling office and a basis.",
)
CAT_R6 = Rule(
    "CAT-R6",
    "inspection matter {name!r} for {entity_class} is already listed by {others}",
    _NOTICE_1,
    "Agree on the division of work and describe it in division_note, or merge the matters.",
)
CAT_R7 = Rule(
    "CAT-R7",
    "the delegation of power to {delegated_to} is not based on a published provincial decision in "
    "force",
    "行政处罚法 Art. 24",
    "Cite the published provincial delegation decision in delegation_ref, or have it recorded "
    "(delegate-power). While a delegation is suspended, and after it has ended, only the unit that "
    "listed the matter may act.",
)
CAT_V1 = finding_rule(
    "CAT-V1", "unlawful_decision", "the basis is repealed but the matter is still active", _STRICT
)
CAT_V2 = finding_rule(
    "CAT-V2",
    "inaction",
    "an inspection matter has not been used for years",
    f"{_STRICT}; 司法部问答",
    policy_key="catalogue.idle_years",
)
CAT_V3 = finding_rule(
    "CAT-V3", "arbitrary", "an act was performed under an unpublished matter", _STRICT
)

CAT_V4 = finding_rule(
    "CAT-V4",
    "arbitrary",
    "an act was performed under a delegation that was not in force",
    "行政处罚法 Art. 24",
)

PUBLISH_LISTED = DeadlineRule(
    "catalogue.publish_wd",
    "catalogue.publish_wd",
    MatterListed,
    (MatterPublished,),
    about=lambda event: f"matter:{event.matter}",
    start=lambda record: record.occurred_on,
)
PUBLISH_REVISED = DeadlineRule(
    "catalogue.publish_wd.revised",
    "catalogue.publish_wd",
    MatterRevised,
    (MatterPublished,),
    about=lambda event: f"matter:{event.matter}",
    start=lambda record: record.occurred_on,
)


def repealed_bases(
    inquiry: Inquiry, matter: str, unit: str, bases: Sequence[Basis]
) -> Iterator[Event]:
    """Yield finding CAT-V1 for a matter in use with ``bases`` that are no longer law, if any."""
    if bases:
        yield finding(
            inquiry,
            CAT_V1,
            unit=unit,
            matter=matter,
            repealed=[cited(basis) for basis in bases],
        )


def cited(basis: Basis) -> str:
    """Return a basis as text, as findings cite it."""
    return f"{basis.instrument} {basis.article}"


def _law_no_more(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """Yield CAT-V1 for each matter still based on a repealed law that was not reported yet."""
    event = opening.event
    assert isinstance(event, BasisRepealed)
    resting = inquiry.read(MattersOn(event.law)).resting(event.article, inquiry.on)
    for matter, (unit, bases) in resting.items():
        reported = inquiry.read(RepealsFound(matter)).bases
        new = [basis for basis in bases if cited(basis) not in reported]
        yield from repealed_bases(inquiry, matter, unit, new)


#: A repeal that was recorded in advance takes effect on its day.
LAST_DAY_OF_LAW = DeadlineRule(
    "catalogue.repeal",
    None,
    BasisRepealed,
    (),
    about=lambda event: f"law:{event.law}" if event.ahead else None,
    ends=lambda event: event.repealed_on - timedelta(days=1),
    lapses=True,
    follows=_law_no_more,
)


def require_codes(codes: Sequence[MatterCode]) -> None:
    """Check the codes of a matter.

    Raise ``Malformed`` if a code names no system or two, ends before it begins, does not begin
    with a valid USCC, or overlaps in time with another code of its kind.
    """
    held: dict[str, list[tuple[date, date]]] = {}
    for place, code in enumerate(codes):
        pointer = f"/codes/{place}"
        if (code.supervision_item is None) == (code.implementation_item is None):
            raise Malformed(
                "catalogue.exactly-one-supervision-item-implementation-item-must-be-given",
                pointer=pointer,
            )
        until = code.valid_to or date.max
        if until < code.valid_from:
            raise Malformed(
                "catalogue.valid-to-must-not-lie-before-valid-from",
                pointer=f"{pointer}/valid_to",
                valid_from=code.valid_from,
                valid_to=code.valid_to,
            )
        scheme = "supervision_item"
        if code.implementation_item is not None:
            scheme = "implementation_item"
            body = code.implementation_item[:18]
            if not uscc.is_valid(body):
                raise Malformed(
                    "catalogue.implementation-item-must-begin-uscc-body",
                    pointer=f"{pointer}/implementation_item",
                    body=body,
                )
        for first, last in held.setdefault(scheme, []):
            if code.valid_from <= last and first <= until:
                raise Malformed(
                    "catalogue.codes-one-kind-must-not-overlap",
                    pointer=pointer,
                    scheme=scheme,
                    first=first,
                )
        held[scheme].append((code.valid_from, until))
