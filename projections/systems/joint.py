"""Joint visits and what they rest on (联合检查, 2.11), as their folds have them."""

from __future__ import annotations

from ledger.systems.joint.folds import Joint, JointArtefact
from projections.views import FoldView, subject_table


class JointArtefacts(FoldView[JointArtefact]):
    """A row for each joint list, calendar, procedure and form."""

    name = "joint_artefacts"
    kind = "joint-artefact"
    fold = JointArtefact
    table = subject_table("joint_artefacts", "kind")
    tables = (table,)


class Joints(FoldView[Joint]):
    """A row for each joint visit. ``units`` names all of them, each between bars."""

    name = "joints"
    kind = "joint"
    fold = Joint
    table = subject_table("joints", "unit", "entity", "units", "stage", "window_from", "held_on")
    tables = (table,)
