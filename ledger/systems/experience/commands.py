"""Commands of experience: select a highlight, publish it, withdraw it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from ledger.general.roles import SHARING_EXPERIENCE, roles
from ledger.general.vocabulary import ExperienceId, MatterId, Name, Text, UnitId
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep
from ledger.systems.catalogue.folds import Matter, UnitStanding
from ledger.systems.experience.events import (
    ExperiencePublished,
    ExperienceWithdrawn,
    HighlightSelected,
)
from ledger.systems.experience.folds import Experience
from ledger.systems.progress.events import ReportId
from ledger.systems.progress.folds import ReportingUnit, SubmittedReport

#: Roles that publish the experience of every unit; a head publishes that of their own unit.
_OFFICES = roles("jb_supervisor", "rlo_assessor")


class SelectHighlight(Act):
    """选取亮点: select a highlight of a submitted report, by its number in the report (from 1)."""

    ROLES = roles("jb_supervisor", "rlo_assessor")

    experience: ExperienceId
    report: ReportId
    highlight: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1
    reason: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Experience(self.experience))
        submitted = inquiry.known(
            SubmittedReport(self.report), "experience.name-monthly-report-unit-must-submit"
        ).submitted
        if submitted is None:
            raise OutOfStep(
                "experience.report-must-be-submitted-before-highlight-selected", report=self.report
            )
        if self.highlight > len(submitted.highlights):
            raise Malformed(
                "experience.highlight-must-be-one",
                pointer="/highlight",
                highlights_count=len(submitted.highlights),
                report=self.report,
                highlight=self.highlight,
            )
        yield HighlightSelected(
            experience=self.experience,
            unit=submitted.unit,
            report=self.report,
            says=submitted.highlights[self.highlight - 1],
            by="JB" if inquiry.actor.role == "jb_supervisor" else "RLO",
            reason=self.reason,
        )


class PublishExperience(Act):
    """发布经验: publish a good practice; the unit of a selected highlight is that of its report."""

    ROLES = SHARING_EXPERIENCE
    ANY_UNIT = _OFFICES

    experience: ExperienceId
    unit: UnitId
    title: Name
    text: Text
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(max_length=50)] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.read(Experience(self.experience))
        if known.stage != "selected":
            inquiry.new(Experience(self.experience))
        elif known.unit != self.unit:
            raise Malformed(
                "experience.unit-must-be-highlight-selected",
                pointer="/unit",
                unit=known.unit,
                given_unit=self.unit,
            )
        if not inquiry.read(UnitStanding(self.unit)).exists:
            inquiry.known(ReportingUnit(self.unit), "experience.qualify-enrol-unit-first")
        for place, name in enumerate(self.matters):
            matter = inquiry.known(Matter(name), "general.list-catalogue-first")
            if matter.in_force_on(inquiry.on) is None:
                raise Malformed(
                    "experience.each-matter-must-be-published",
                    pointer=f"/matters/{place}",
                    name=name,
                )
        yield ExperiencePublished(
            experience=self.experience,
            unit=self.unit,
            title=self.title,
            text=self.text,
            matters=tuple(dict.fromkeys(self.matters)),
        )


class WithdrawExperience(Act):
    """撤回经验: withdraw a published experience and say why."""

    ROLES = SHARING_EXPERIENCE

    experience: ExperienceId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.own(
            Experience(self.experience), "experience.publish-experience-first", any_unit=_OFFICES
        )
        if known.stage != "published":
            raise OutOfStep(
                "experience.experience-must-be-published",
                experience=self.experience,
                stage=known.stage,
            )
        yield ExperienceWithdrawn(experience=self.experience, unit=known.unit, reason=self.reason)
