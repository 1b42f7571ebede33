"""Events of good practice that units share (宣传引导、亮点经验; the Notice, safeguards)."""

from __future__ import annotations

from typing import ClassVar, Literal

from ledger.general.vocabulary import ExperienceId, MatterId, Name, Text, UnitId
from ledger.kernel import Event
from ledger.systems.progress.events import ReportId


class HighlightSelected(Event):
    """选取亮点: the Justice Bureau or the rule-of-law office selected a highlight of a report.

    ``says`` is the highlight as written in the report of ``unit``. Only the unit and those two
    offices may read it, as with the report.
    """

    TOPIC: ClassVar[str] = "experience.highlight-selected"

    experience: ExperienceId
    unit: UnitId
    report: ReportId
    says: Text
    by: Literal["JB", "RLO"]
    reason: Text | None = None


class ExperiencePublished(Event):
    """发布经验: a good practice of a unit was published for everyone to read and search."""

    TOPIC: ClassVar[str] = "experience.experience-published"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"title", "text"})

    experience: ExperienceId
    unit: UnitId
    title: Name
    text: Text
    matters: tuple[MatterId, ...] = ()


class ExperienceWithdrawn(Event):
    """撤回经验: a published good practice was withdrawn, for a stated reason."""

    TOPIC: ClassVar[str] = "experience.experience-withdrawn"
    VISIBILITY = "public"

    experience: ExperienceId
    unit: UnitId
    reason: Text
