"""The exceptions in which an answer reveals a fact that its sender may not read, with reasons.

Usually a sender who may not see a fact gets the same answer as without it (rulebook 2.17). ``TOLD``
lists all exceptions. A rule that must bind all units refuses a command because of a hidden fact and
marks the refusal (``Refusal.told``), which counts against the sender's allowance; only the rules in
``NAMED`` name the fact. Two tests allow exactly these exceptions: one sends every command with ids
of hidden subjects, the other decides every refused command again without the hidden facts.
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

#: The reason for each exception, by rule, kind of problem or kind of subject.
TOLD: Mapping[str, str] = {
    JNT_R1.id: "two units that plan visits to one business must go together: each is told of the "
    "other's visit, which it could not read otherwise (一企一次)",
    CAT_R6.id: "two units must not list one matter, published or not: the second is told to agree "
    "with the first, but for a draft neither its id nor its unit",
    CRD_R5.id: "a document must have only one record (2.17): a sender who may not see the record "
    "is told that it exists",
    DIS_R5.id: "a sanction must not rest on a decision that was undone: a sender who knows the "
    "record is told that it was",
    "joint": "units of one joint visit go together: each is told days and tasks of the others",
    OBS_R2.id: "a business has one observation period for an activity, whichever unit granted it: "
    "another unit is told that there was one",
    OBS_R3.id: "gentleness comes first for every unit: another unit is told until when",
    TKO_D2.id: "an opening fact is entered once by any unit: the second unit is told to leave it "
    "out",
    "out-of-step": "an id that the sender gives to a new subject may already belong to a hidden "
    "one; the sender is only told to take another id",
}

#: The rules whose refusals name a fact that their sender may not read otherwise.
NAMED = frozenset({JNT_R1.id})

#: Findings that follow from facts which the reporter of a visit may not know: it is sealed until
#: the visit whether a business was drawn. They are recorded, but left out of the answer.
FOUND_IN_HIDDEN = frozenset({DRW_V2.id})

__all__ = ["FOUND_IN_HIDDEN", "NAMED", "TOLD"]
