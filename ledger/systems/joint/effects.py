"""What other systems' facts mean for joint visits."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.kernel import Event, Reading
from ledger.systems.joint.events import JointCancelled
from ledger.systems.joint.folds import Joint, MergesAt


def business_left(ledger: Reading, entity: str, how: str) -> Iterator[Event]:
    """What a business's leaving its register brings about: nobody is to go there together."""
    for name in ledger.read(MergesAt(entity)).merges:
        joint = ledger.read_true(Joint(name))
        if joint.stage == "planned":
            yield JointCancelled(
                joint=name, entity=entity, unit=joint.unit, reason=f"the business {how}"
            )
