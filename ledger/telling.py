"""What an answer tells of facts that its sender may not read, each for a reason; and what not.

The rule is that whoever may not see a fact gets the answer that would be given without it (rulebook
2.17). ``TOLD`` is the one table of exceptions from it: a refusal may name what its rule exists to
tell. The test that sends every command with ids of hidden subjects allows these and no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.systems.draws.rules import DRW_V2
from ledger.systems.joint.rules import JNT_R1

#: What is told: a rule, or the kind of problem; and why.
TOLD: Mapping[str, str] = {
    JNT_R1.id: "two units that plan visits to one business have to go together: each is told of "
    "the other's, which it may not read otherwise (一企一次)",
    "out-of-step": "an id that the sender gives to something new can be in use by something that "
    "it may not know; it is told to take another id, and nothing else",
}

#: Findings that follow from facts which whoever reports a visit may not know: whether a business
#: is drawn is sealed until its visit. They are recorded, and the answer to the report omits them.
FOUND_IN_HIDDEN = frozenset({DRW_V2.id})

__all__ = ["FOUND_IN_HIDDEN", "TOLD"]
