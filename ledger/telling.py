"""What an answer tells of facts that its sender may not read, each for a reason; and what not.

The rule is that whoever may not see a fact gets the answer that would be given without it (rulebook
2.17). ``TOLD`` is the one table of exceptions from it. A rule that has to bind all units refuses
because of what its sender may not read, and says so (``Refusal.told``), which costs a probe; only
those of ``NAMED`` name it. The test that sends every command with ids of hidden subjects, and the
one that decides every refused command again without what its sender may not read, allow these and
no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.systems.catalogue.rules import CAT_R6
from ledger.systems.credit.rules import CRD_R5
from ledger.systems.dishonesty.rules import DIS_R5
from ledger.systems.draws.rules import DRW_V2
from ledger.systems.joint.rules import JNT_R1
from ledger.systems.observation.rules import OBS_R2, OBS_R3
from ledger.systems.takeon.rules import TKO_D2

#: What is told: a rule, the kind of problem, or the subject that the command names; and why.
TOLD: Mapping[str, str] = {
    JNT_R1.id: "two units that plan visits to one business have to go together: each is told of "
    "the other's, which it may not read otherwise (一企一次)",
    CAT_R6.id: "two units must not list one matter, published or not: the second is told to agree, "
    "and of a draft neither its id nor its unit",
    CRD_R5.id: "one document has one record (2.17): who may not see it is told that there is one",
    DIS_R5.id: "no sanction rests on a decision that was undone: who knows the record is told that",
    "joint": "units of one joint visit go together: each is told days and tasks of the others",
    OBS_R2.id: "a business has one observation period for an activity, whichever unit granted it: "
    "another unit is told that there was one",
    OBS_R3.id: "gentleness comes first for every unit: another unit is told until when",
    TKO_D2.id: "an opening fact is entered once, by whomever: the second is told to leave it out",
    "out-of-step": "an id that the sender gives to something new can be in use by something that "
    "it may not know; it is told to take another id, and nothing else",
}

#: The rules whose refusals name what their sender may not read otherwise.
NAMED = frozenset({JNT_R1.id})

#: Findings that follow from facts which whoever reports a visit may not know: whether a business
#: is drawn is sealed until its visit. They are recorded, and the answer to the report omits them.
FOUND_IN_HIDDEN = frozenset({DRW_V2.id})

__all__ = ["FOUND_IN_HIDDEN", "NAMED", "TOLD"]
