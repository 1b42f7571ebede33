"""The units, people and businesses of the tests, each under one name.

The market regulation bureau (MRB) and the emergency management bureau (EMB) enforce, the justice
bureau (JB) supervises, the economic development bureau (EDB) keeps the credit records, the office
for governing the area by law (RLO) assesses.
"""

from __future__ import annotations

from ledger.kernel import Actor


def actor(unit: str, person: str, role: str) -> Actor:
    """Somebody of a unit in a role."""
    return Actor(unit_id=unit, person_id=person, role=role)


#: How the codes of the businesses in the rulebook begin.
PREFIX = "91620100MA7LX"
#: A business of each grade.
E_A = "91620100MA7LX00338"
E_B = "91620100MA7LX0076M"
E_C = "91620100MA7LX01051"
E_D = "91620100MA7LX0113U"

#: The codes of all that the rulebook draws from, by grade, without how they begin.
GRADES = {
    "A": ("0017J", "0025D", "00338", "00413", "005XT"),
    "B": ("0068T", "0076M", "0084G"),
    "C": ("0092B", "01051"),
    "D": ("0113U", "0121N"),
}

HEAD = actor("MRB", "MRB-HEAD", "unit_head")
DEPUTY = actor("MRB", "MRB-DEPUTY", "office_head")
OFFICER = actor("MRB", "OFF-001", "enforcement_officer")
EMB = actor("EMB", "EMB-HEAD", "unit_head")
JB = actor("JB", "JB-1", "jb_supervisor")
JB_SECOND = actor("JB", "JB-2", "jb_supervisor")
EDB = actor("EDB", "EDB-1", "credit_officer")
EDB_SECOND = actor("EDB", "EDB-2", "credit_officer")
RLO = actor("RLO", "RLO-1", "rlo_assessor")
REP_A = actor("ENTITY", "REP-A", "entity_rep")
REP_C = actor("ENTITY", "REP-C", "entity_rep")
CLOCK = actor("LEDGER", "clock", "ledger_clock")
