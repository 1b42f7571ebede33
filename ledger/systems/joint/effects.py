"""The effects of other systems' events on joint visits."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.kernel import Event, Inquiry
from ledger.systems.joint.events import JointCancelled
from ledger.systems.joint.folds import Joint, MergesAt


def business_left(inquiry: Inquiry, entity: str, how: str) -> Iterator[Event]:
    """Cancel the planned joint visits of a business that left its register."""
    for name in inquiry.read(MergesAt(entity)).merges:
        joint = inquiry.read_true(Joint(name))
        if joint.stage == "planned":
            yield JointCancelled(
                joint=name, entity=entity, unit=joint.unit, reason=f"the business {how}"
            )
