"""The roles that send commands, and the groups of them that several commands share."""

from __future__ import annotations

from ledger.general.vocabulary import Role


def roles(*names: Role) -> frozenset[Role]:
    """Return these roles as a set; a name that is not a role does not pass the type check."""
    return frozenset(names)


#: The officers of a unit, from its inspectors to its head.
UNIT = roles("enforcement_officer", "office_head", "unit_legal_office", "unit_head")
#: The officers of a unit who handle inspections and cases.
OFFICERS = roles("enforcement_officer", "office_head", "unit_head")
#: The heads of a unit and of its offices.
HEADS = roles("office_head", "unit_head")

#: Who may handle a complaint: any body except the accused unit (CMP-R1).
HANDLERS = roles(
    "jb_supervisor",
    "park_committee",
    "recon_officer",
    "rlo_assessor",
    "unit_legal_office",
    "unit_head",
)
#: Who publishes a complaint channel: any body that one can complain about.
CHANNELLED = roles("office_head", *HANDLERS)

#: 市场监管部门牵头、各单位按职责: who may run a draw; none of them inspects in it (GEN-R2).
DRAWERS = roles("draw_coordinator", "office_head", "unit_head")

#: Who submits a unit's monthly report; the lead departments have roles of their own.
REPORTING = roles(
    "office_head",
    "unit_legal_office",
    "unit_head",
    "jb_supervisor",
    "credit_officer",
    "draw_coordinator",
    "recon_officer",
    "park_committee",
)

#: Who adopts the work plan of a year: heads, and the offices that track the region's.
PLANNING = roles("unit_head", "park_committee", "jb_supervisor", "rlo_assessor")

#: Who publishes good practice of units: the supervising offices, and the head of a unit.
SHARING_EXPERIENCE = PLANNING

#: Who may request or approve a command that two people sign.
SIGNING = roles(
    *UNIT,
    "jb_supervisor",
    "credit_officer",
    "draw_coordinator",
    "recon_officer",
    "rlo_assessor",
)
