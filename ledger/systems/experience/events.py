"""Events of experience that units share (宣传引导、亮点经验; the Notice, safeguards)."""

from __future__ import annotations

from typing import ClassVar, Literal

from ledger.general.vocabulary import ExperienceId, MatterId, Name, Text, UnitId
from ledger.kernel import Event
from ledger.systems.progress.events import ReportId


class HighlightSelected(Event):
    """选取亮点: the Justice Bureau or the rule-of-law office picks a highlight of a report.

    ``says`` is the highlight as the report of ``unit`` has it. The report goes between the unit and
    those offices, and so does this.
    """

    TOPIC: ClassVar[str] = "experience.highlight-selected"

    experience: ExperienceId
    unit: UnitId
    report: ReportId
    says: Text
    by: Literal["JB", "RLO"]
    reason: Text | None = None


class ExperiencePublished(Event):
    """发布经验: what a unit did well, for everybody to read and to search."""

    TOPIC: ClassVar[str] = "experience.experience-published"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"title", "text"})

    experience: ExperienceId
    unit: UnitId
    title: Name
    text: Text
    matters: tuple[MatterId, ...] = ()


class ExperienceWithdrawn(Event):
    """撤回经验: what was published is no longer held out as an example, and why."""

    TOPIC: ClassVar[str] = "experience.experience-withdrawn"
    VISIBILITY = "public"

    experience: ExperienceId
    unit: UnitId
    reason: Text
