"""Joint visits (联合检查, 2.11), and the lists, calendars, procedures and forms for them."""

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
    """A row for each joint visit. ``units`` names all its units, each between ``|``."""

    name = "joints"
    kind = "joint"
    fold = Joint
    table = subject_table("joints", "unit", "entity", "units", "stage", "window_from", "held_on")
    tables = (table,)
