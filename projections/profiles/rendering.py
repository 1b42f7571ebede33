"""Profiles rendered as documents for three audiences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import msgspec

from ledger.kernel import PolicyVersionAdopted
from ledger.systems.credit.regimes import Reckoning, Regime, reckon
from ledger.systems.grading.events import CreditGradeAssigned
from projections.explain.arrivals import Arrival, arrivals
from projections.profiles.fold import CreditProfile
from projections.profiles.law import NO_LAW, VISIT_CAP, Law
from projections.profiles.parts import CreditEntry, Inspection, Violation, Visit
from projections.profiles.standing import NOTHING, Audience, Sight, shown


def render(
    profile: CreditProfile,
    sight: Sight,
    law: Law = NO_LAW,
    *,
    on: date | None = None,
    told: Told | None = None,
    today: date | None = None,
) -> dict[str, Any]:
    """Return the document of a profile for readers with this sight.

    ``law``: the adopted policies. ``on``: the day for everything that changes with time alone (the
    grade, caps, last days); without it, the newest state with the grade of ``today``, which
    defaults to the day of the newest record. The public sees only what the rulebook marks P. No
    audience sees the day of a planned visit, and their number is sealed (``Sight.plans``).
    ``told`` saves repeated preparation for a second audience.
    """
    audience, plans = sight
    told = told or Told(profile)
    day = on or today or profile.seen_on
    document = head(profile)
    if audience != "public":
        document["grade"] = profile.grade(day)
        document["grades"] = [
            grade_document(item.event)
            for item in ([] if profile.graded is None else profile.graded.assigned)
            if on is None or item.event.assessed_on <= on
        ]
    document.update(manner_of(profile, profile.grade(day), law, day))
    document["records"] = [
        shown_record
        for record, entry in sorted(profile.records.items())
        if (shown_record := record_document(record, entry, audience, law, day)) is not None
    ]
    if audience != "public":
        document["records_ended"] = _ended(profile)
    if audience == "restricted":
        document["records_repaired"] = sum(item.repaired for item in profile.records.values())
    document.update(shown(profile.standing or NOTHING, audience, on))
    document["inspections"] = _inspections(profile, audience, told)
    document["violations"] = told.violations
    if audience != "public":
        document["caps"] = _caps(profile, sight, law, on, day)
        document["burden"] = {
            **came(_arrivals(profile)),
            "inspections_imported": sum(stands(item) for item in profile.inspections.values()),
        }
    if audience == "restricted":
        if plans:
            document["upcoming_visits"] = sum(
                upcoming(visit, sight) for visit in profile.visits.values()
            )
        document["findings"] = profile.findings
        document["irregular_visits"] = profile.irregular_visits
    return document


def head(profile: CreditProfile) -> dict[str, Any]:
    """Return the beginning of the document: what registers report about the business itself."""
    identity = profile.identity
    document: dict[str, Any] = {
        "entity": profile.entity,
        "registered": profile.registered,
        "listed": profile.listed,
    }
    if identity is not None:
        document["identity"] = identity
    if former := profile.identities.former_names:
        document["former_names"] = former
    if (left := profile.listings.leaving(date.max)) is not None:
        document["left"] = {"on": left.on, "kind": left.kind}
    if profile.oddity is not None:
        document["odd_id"] = {"what": profile.oddity, "register_ref": profile.register_ref}
    return document


def manner_of(profile: CreditProfile, grade: str, law: Law, day: date) -> dict[str, str]:
    """Return the manner of supervision that follows from a grade, for a registered business.

    Everybody may read the manner. It does not reveal the grade, since two grades share each manner.
    """
    manner = law.manner(grade, day) if profile.registered else None
    return {} if manner is None else {"manner": manner}


def record_document(
    record: str, entry: CreditEntry, audience: Audience, law: Law, day: date
) -> dict[str, Any] | None:
    """Return a credit record as an audience reads it on a day; ``None`` if it may not."""
    if not entry.kind or (audience == "public" and not entry.shown_on(day)):
        return None
    document: dict[str, Any] = {
        "record": record,
        "kind": entry.kind,
        "title": entry.title,
        "unit": entry.unit,
        "doc_no": entry.doc_no,
        "determined_on": entry.determined_on,
    }
    for name in ("severity", "amount_fen", "result"):
        if (value := getattr(entry, name)) is not None:
            document[name] = value
    if entry.fulfilled:
        document["fulfilled"] = True
    if entry.started_on is not None:
        document["publicity"] = {
            "started_on": entry.started_on,
            "min_until": entry.min_until,
            "max_until": entry.max_until,
        }
    if entry.said is not None:
        document.update(_repair(entry, audience, law))
    if audience != "public":
        document.update(_whereabouts(entry, day))
    return document


def grade_document(event: CreditGradeAssigned) -> dict[str, Any]:
    """Return one assessment of a grade as it is shown."""
    return {
        "assessed_on": event.assessed_on,
        "grade": event.grade,
        "scheme": event.scheme,
        "source": event.source,
        "override": event.override,
    }


def _whereabouts(entry: CreditEntry, day: date) -> dict[str, Any]:
    """Return the status of a record on a day, for audiences that also read hidden records."""
    status = entry.status_on(day)
    document: dict[str, Any] = {"public": entry.public, "status": status}
    if entry.ended_on is not None:
        document["ended_on"] = entry.ended_on
    if entry.reinstated_on is not None:
        document["reinstated_on"] = entry.reinstated_on
    if status == "suspended" and entry.suspended_until is not None:
        document["suspended_until"] = entry.suspended_until
    if entry.objected is not None and (entry.answered is None or entry.answered < entry.objected):
        document["objection_open"] = True
    return document


def _repair(entry: CreditEntry, audience: Audience, law: Law) -> dict[str, Any]:
    """Return when a record can be repaired at the earliest, and the result of each regime."""
    assert entry.said is not None
    reckoning = reckon(entry.said, entry.channels, law)
    earliest = reckoning.earliest_on if reckoning.repairable else None
    if audience == "public":
        return {"earliest_repair_on": earliest}
    return {
        "earliest_repair_on": earliest,
        "repairable": reckoning.repairable,
        "regimes": regimes(reckoning),
    }


class ShownRegime(Regime, frozen=True, kw_only=True):
    """The periods of a record under one version of a regime, and whether that version governs."""

    governs: bool


def regimes(reckoning: Reckoning) -> list[ShownRegime]:
    """Return the result of each regime for a record, and whether that regime governs."""
    return [
        ShownRegime(**msgspec.structs.asdict(regime), governs=regime in reckoning.governing)
        for regime in reckoning.regimes
    ]


def _ended(profile: CreditProfile) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in profile.records.values():
        if entry.over:
            reason = entry.end_reason or "ended"
            counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))


class Told:
    """The inspections and violations that registers report, prepared once for all audiences."""

    __slots__ = ("inspections", "violations")

    def __init__(self, profile: CreditProfile) -> None:
        counts: dict[str, list[int]] = {}
        severities: dict[str, int] = {}
        count = corrected = 0
        newest: date | None = None
        for item in profile.violations.values():
            if not stands(item):
                continue
            count += 1
            right = item.corrected_on is not None
            corrected += right
            if item.severity is not None:
                severities[item.severity] = severities.get(item.severity, 0) + 1
            if newest is None or (item.found_on is not None and item.found_on > newest):
                newest = item.found_on
            if item.inspection is not None:
                of_it = counts.get(item.inspection)
                if of_it is None:
                    counts[item.inspection] = [1, not right]
                else:
                    of_it[0] += 1
                    of_it[1] += not right
        self.violations = {
            "found": count,
            "corrected": corrected,
            "open": count - corrected,
            "by_severity": dict(sorted(severities.items())),
            "last_found_on": newest,
        }
        self.inspections = [
            (item.held_on, name, inspection_document(name, item, counts.get(name)))
            for name, item in profile.inspections.items()
            if item.held_on is not None and stands(item)
        ]
        self.inspections.sort(key=by_newest, reverse=True)


def by_newest(entry: tuple[date, str, Any]) -> tuple[date, str]:
    """Return the sort key of inspections: the day, then the id."""
    return entry[:2]


def inspection_document(
    name: str, inspection: Inspection, violations: Sequence[int] | None
) -> dict[str, Any]:
    """Return an inspection reported by a register.

    ``violations``: how many found, how many open.
    """
    document: dict[str, Any] = {
        "inspection": name,
        "unit": inspection.unit,
        "type": inspection.type,
        "held_on": inspection.held_on,
    }
    if inspection.result is not None:
        document["result"] = inspection.result
    if inspection.action is not None:
        document["action"] = inspection.action
    if inspection.score is not None:
        document["score"] = inspection.score
        document["score_meaning"] = (
            "penalty_points" if inspection.penalty_points else "higher_is_better"
        )
    if inspection.grade is not None:
        document["grade"] = inspection.grade
    if violations is not None:
        document["violations"], document["violations_open"] = violations
    return document


def _inspections(profile: CreditProfile, audience: Audience, told: Told) -> list[dict[str, Any]]:
    if not profile.visits:
        return [document for _, _, document in told.inspections]
    documents = list(told.inspections)
    for task, visit in profile.visits.items():
        shown_visit = visit_document(task, visit, audience)
        if shown_visit is not None:
            documents.append((shown_visit["held_on"], task, shown_visit))
    documents.sort(key=by_newest, reverse=True)
    return [document for _, _, document in documents]


def visit_document(task: str, visit: Visit, audience: Audience) -> dict[str, Any] | None:
    """Return a visit as an audience reads it; ``None`` if it may not."""
    if audience == "public":
        if visit.published_on is None:
            return None
        document = {
            "task": task,
            "unit": visit.unit,
            "held_on": visit.opened_on or visit.published_on,
            "result": visit.published_result,
            "published_on": visit.published_on,
        }
    else:
        # A visit that did not take place yet is a plan, and plans are sealed.
        held_on = visit.opened_on or visit.concluded_on or visit.published_on
        if held_on is None:
            return None
        document = {
            "task": task,
            "unit": visit.unit,
            "kind": visit.kind,
            "held_on": held_on,
            "result": visit.result or visit.published_result,
            "minutes_on_site": visit.minutes,
            "notified_on": visit.notified_on,
            "published_on": visit.published_on,
        }
    if visit.lawful_refusal:
        document["lawful_refusal"] = True
    return document


def stands(reported: Inspection | Violation) -> bool:
    """Return whether a register still reports it."""
    return reported.seen is not None and (reported.gone is None or reported.gone < reported.seen)


def _caps(
    profile: CreditProfile, sight: Sight, law: Law, on: date | None, today: date
) -> list[dict[str, Any]]:
    booked: dict[tuple[int, str], list[int]] = {}
    for visit in profile.visits.values():
        booked_visit = booking(visit, sight)
        if booked_visit is None:
            continue
        year, unit, capped, exempt = booked_visit
        counts = booked.setdefault((year, unit), [0, 0])
        counts[0] += capped
        counts[1] += exempt
    return [
        cap_document(profile.grade, law, on, today, place, counts)
        for place, counts in sorted(booked.items())
    ]


def booking(visit: Visit, sight: Sight) -> tuple[int, str, int, int] | None:
    """Return the year and unit whose cap a visit counts against, and its capped and exempt count.

    ``None`` if the visit counts against no cap or the audience may not know of it.
    """
    if visit.planned_on is None or not visit.counter or not _told_of(visit, sight):
        return None
    capped = visit.counter == "capped"
    counts = (0, 0) if visit.cancelled else (int(capped), int(not capped))
    return visit.planned_on.year, visit.unit, *counts


def cap_document(  # noqa: PLR0917 - what a document is rendered from
    grade_on: Callable[[date], str],
    law: Law,
    on: date | None,
    today: date,
    place: tuple[int, str],
    counts: Sequence[int],
) -> dict[str, Any]:
    """Return the visits that a unit has booked at the business in a year, against the cap.

    ``grade_on`` returns the grade of a day; before the end of the year, the grade of ``today``
    counts. ``place`` is the year and the unit, ``counts`` the capped and the exempt visits.
    """
    (year, unit), (capped, exempt) = place, counts
    last_day = date(year, 12, 31)
    day = last_day if on is None else min(on, last_day)
    grade = grade_on(min(today, last_day))
    policy = law(VISIT_CAP).in_force(day, unit=unit, grade=grade)
    cap = None if policy is None else cap_of(policy, grade)
    return {
        "unit": unit,
        "year": year,
        "grade": grade,
        "used": capped,
        "exempt": exempt,
        "cap": cap,
        "left": None if cap is None else max(0, cap - capped),
        "policy_version": None if policy is None else policy.version,
    }


def _told_of(visit: Visit, sight: Sight) -> bool:
    """Return whether a reader may know of a visit."""
    if sight.audience == "entity":
        return visit.announced
    return visit.came_about or sight.counts_plans_of(visit.unit)


def cap_of(policy: PolicyVersionAdopted, grade: str) -> int | None:
    """Return the number of visits that a version of ``visit_cap`` allows for a grade."""
    value = policy.value
    number = value.get(grade) if isinstance(value, dict) else value
    return number if isinstance(number, int) else None


def _arrivals(profile: CreditProfile) -> list[Arrival]:
    held = (profile.standing or NOTHING).joint_visits
    return arrivals(profile.visits, held) if profile.visits else []


def came(times: Sequence[Arrival]) -> dict[str, int]:
    """Return how often units came, counted as in the burden account."""
    return {
        "visits": len(times),
        "minutes_on_site": sum(time.minutes for time in times),
        "joint_visits": sum(time.units > 1 for time in times),
        "avoided_by_merging": sum(time.units - 1 for time in times),
    }


def upcoming(visit: Visit, sight: Sight) -> bool:
    """Return whether a visit is still planned, by a unit whose plans the reader may know."""
    return (
        bool(visit.counter)
        and sight.counts_plans_of(visit.unit)
        and not visit.cancelled
        and visit.opened_on is None
        and visit.concluded_on is None
    )


_JSON = msgspec.json.Encoder()


def as_json(document: Any) -> bytes:
    """Return the JSON bytes of a document."""
    return _JSON.encode(document)


def says_nothing(body: bytes, entity: str, sight: Sight) -> bool:
    """Return whether a document is that of a business about which nothing is recorded.

    Then these readers may know nothing about the business, even if sealed facts exist.
    """
    return body == as_json(render(CreditProfile(entity), sight))
