"""The roles that send commands, and the groups of them that several commands share."""

from __future__ import annotations

from ledger.general.vocabulary import Role


def roles(*names: Role) -> frozenset[Role]:
    """Return these roles as a set; a name that is not a role does not pass the type check."""
    return frozenset(names)


#: The officers of a unit, from those who inspect to its head.
UNIT = roles("enforcement_officer", "office_head", "unit_legal_office", "unit_head")
#: Those of a unit who handle inspections and cases.
OFFICERS = roles("enforcement_officer", "office_head", "unit_head")
#: Those who head a unit or an office of it.
HEADS = roles("office_head", "unit_head")

#: Who may look into a complaint: any body but the unit accused (CMP-R1).
HANDLERS = roles(
    "jb_supervisor",
    "park_committee",
    "recon_officer",
    "rlo_assessor",
    "unit_legal_office",
    "unit_head",
)
#: Who publishes how to complain of a body: any body of which one can.
CHANNELLED = roles("office_head", *HANDLERS)

#: 市场监管部门牵头、各单位按职责: who may run a draw; none of them inspects in it (GEN-R2).
DRAWERS = roles("draw_coordinator", "office_head", "unit_head")

#: Who speaks for a unit in its monthly report: the lead departments have roles of their own.
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

#: Who publishes what units did well: the two offices, and the head of a unit for that unit.
SHARING_EXPERIENCE = PLANNING

#: Who may request or approve what two people sign.
SIGNING = roles(
    *UNIT,
    "jb_supervisor",
    "credit_officer",
    "draw_coordinator",
    "recon_officer",
    "rlo_assessor",
)
