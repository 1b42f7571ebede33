"""The profile as it is read: a document for each of three audiences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import msgspec

from ledger.kernel import PolicyVersionAdopted
from ledger.systems.credit.regimes import Reckoning, reckon
from ledger.systems.grading.events import CreditGradeAssigned
from projections.explain.arrivals import Arrival, arrivals
from projections.profiles.fold import CreditProfile
from projections.profiles.law import NO_LAW, VISIT_CAP, Law
from projections.profiles.parts import CreditEntry, Inspection, Violation, Visit
from projections.profiles.standing import EVERY, NOTHING, Audience, shown


def render(
    profile: CreditProfile,
    audience: Audience,
    law: Law = NO_LAW,
    *,
    on: date | None = None,
    told: Told | None = None,
    plans: str = "",
    today: date | None = None,
) -> dict[str, Any]:
    """The document of a profile for an audience.

    ``law`` gives the policies adopted; ``on`` is the day as of which is shown what changes with
    time alone (the grade, caps, what has a last day), without it the newest, with the grade of
    ``today``, or of the day of the newest record. Public: what the
    rulebook marks P and nothing else. Nobody is shown when a visit is planned, and how many are is
    sealed: ``plans`` says which unit's are counted for an authority, ``EVERY`` or none. ``told``
    saves preparing the same twice for two audiences.
    """
    told = told or Told(profile)
    day = on or today or profile.seen_on
    document = head(profile)
    if audience != "public":
        document["grade"] = profile.grade(day)
        document["grades"] = [
            grade_document(one.event)
            for one in ([] if profile.graded is None else profile.graded.assigned)
            if on is None or one.event.assessed_on <= on
        ]
    document.update(manner_of(profile, profile.grade(day), law, day))
    document["records"] = [
        said
        for record, entry in sorted(profile.records.items())
        if (said := record_document(record, entry, audience, law, day)) is not None
    ]
    if audience != "public":
        document["records_ended"] = _ended(profile)
    if audience == "restricted":
        document["records_repaired"] = sum(one.repaired for one in profile.records.values())
    document.update(shown(profile.standing or NOTHING, audience, on))
    document["inspections"] = _inspections(profile, audience, told)
    document["violations"] = told.violations
    if audience != "public":
        document["caps"] = _caps(profile, audience, law, on, day, plans)
        document["burden"] = {
            **came(_arrivals(profile)),
            "inspections_imported": sum(stands(one) for one in profile.inspections.values()),
        }
    if audience == "restricted":
        if plans:
            document["upcoming_visits"] = sum(
                upcoming(visit, plans) for visit in profile.visits.values()
            )
        document["findings"] = profile.findings
        document["irregular_visits"] = profile.irregular_visits
    return document


def head(profile: CreditProfile) -> dict[str, Any]:
    """What registers say of the business itself, which begins its document."""
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
    """The manner of supervision that follows from a grade, of a business that a register names.

    Everybody reads it, and nothing else of the grade: two grades share each manner.
    """
    manner = law.manner(grade, day) if profile.registered else None
    return {} if manner is None else {"manner": manner}


def record_document(
    record: str, entry: CreditEntry, audience: Audience, law: Law, day: date
) -> dict[str, Any] | None:
    """One credit record as an audience reads it on a day, ``None`` if it does not."""
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


def grade_document(one: CreditGradeAssigned) -> dict[str, Any]:
    """One assessment, or announcement."""
    return {
        "assessed_on": one.assessed_on,
        "grade": one.grade,
        "scheme": one.scheme,
        "source": one.source,
        "override": one.override,
    }


def _whereabouts(entry: CreditEntry, day: date) -> dict[str, Any]:
    """Where a record stands on a day, for those who may read of more than what is shown."""
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
    """From when a record can be repaired, and what every regime says of it."""
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


def regimes(reckoning: Reckoning) -> list[dict[str, Any]]:
    """What each regime says of a record, and whether that counts."""
    return [
        {**msgspec.to_builtins(regime), "governs": regime in reckoning.governing}
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
    """What registers tell of a business, prepared for reading; alike for every audience."""

    __slots__ = ("inspections", "violations")

    def __init__(self, profile: CreditProfile) -> None:
        counts: dict[str, list[int]] = {}
        severities: dict[str, int] = {}
        found = corrected = 0
        newest: date | None = None
        for one in profile.violations.values():
            if not stands(one):
                continue
            found += 1
            right = one.corrected_on is not None
            corrected += right
            if one.severity is not None:
                severities[one.severity] = severities.get(one.severity, 0) + 1
            if newest is None or (one.found_on is not None and one.found_on > newest):
                newest = one.found_on
            if one.inspection is not None:
                of_it = counts.get(one.inspection)
                if of_it is None:
                    counts[one.inspection] = [1, not right]
                else:
                    of_it[0] += 1
                    of_it[1] += not right
        self.violations = {
            "found": found,
            "corrected": corrected,
            "open": found - corrected,
            "by_severity": dict(sorted(severities.items())),
            "last_found_on": newest,
        }
        self.inspections = [
            (one.held_on, name, inspection_document(name, one, counts.get(name)))
            for name, one in profile.inspections.items()
            if one.held_on is not None and stands(one)
        ]
        self.inspections.sort(key=by_newest, reverse=True)


def by_newest(entry: tuple[date, str, Any]) -> tuple[date, str]:
    """By what inspections are ordered, the newest first."""
    return entry[:2]


def inspection_document(
    name: str, one: Inspection, violations: Sequence[int] | None
) -> dict[str, Any]:
    """An inspection that a register tells of; ``violations`` found at it, and open ones."""
    document: dict[str, Any] = {
        "inspection": name,
        "unit": one.unit,
        "type": one.type,
        "held_on": one.held_on,
    }
    if one.result is not None:
        document["result"] = one.result
    if one.action is not None:
        document["action"] = one.action
    if one.score is not None:
        document["score"] = one.score
        document["score_meaning"] = "penalty_points" if one.penalty_points else "higher_is_better"
    if one.grade is not None:
        document["grade"] = one.grade
    if violations is not None:
        document["violations"], document["violations_open"] = violations
    return document


def _inspections(profile: CreditProfile, audience: Audience, told: Told) -> list[dict[str, Any]]:
    if not profile.visits:
        return [document for _, _, document in told.inspections]
    found = list(told.inspections)
    for task, visit in profile.visits.items():
        said = visit_document(task, visit, audience)
        if said is not None:
            found.append((said["held_on"], task, said))
    found.sort(key=by_newest, reverse=True)
    return [document for _, _, document in found]


def visit_document(task: str, visit: Visit, audience: Audience) -> dict[str, Any] | None:
    """A visit as an audience reads it, ``None`` if it does not."""
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
        # A visit that nobody has made is planned, and plans are sealed.
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


def stands(one: Inspection | Violation) -> bool:
    """Whether a register tells of it still."""
    return one.seen is not None and (one.gone is None or one.gone < one.seen)


def _caps(  # noqa: PLR0917 - what a document is rendered from
    profile: CreditProfile,
    audience: Audience,
    law: Law,
    on: date | None,
    today: date,
    plans: str,
) -> list[dict[str, Any]]:
    booked: dict[tuple[int, str], list[int]] = {}
    for visit in profile.visits.values():
        said = booking(visit, audience, plans)
        if said is None:
            continue
        year, unit, capped, exempt = said
        counts = booked.setdefault((year, unit), [0, 0])
        counts[0] += capped
        counts[1] += exempt
    return [
        cap_document(profile.grade, law, on, today, place, counts)
        for place, counts in sorted(booked.items())
    ]


def booking(visit: Visit, audience: Audience, plans: str) -> tuple[int, str, int, int] | None:
    """The year and unit under whose cap a visit was booked, and what it counts: capped, exempt.

    ``None`` if it is under none, or nothing that the audience may know of.
    """
    if visit.planned_on is None or not visit.counter or not _told_of(visit, audience, plans):
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
    """What a unit has booked at the business in a year, against the cap.

    ``grade_on`` gives the grade of a day; in a year that has not ended that of ``today`` counts.
    ``place`` is the year and the unit, ``counts`` the capped and the exempt visits.
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


def _told_of(visit: Visit, audience: Audience, plans: str) -> bool:
    """Whether the audience may know of a visit."""
    if audience == "entity":
        return visit.announced
    return visit.came_about or plans in (EVERY, visit.unit)


def cap_of(policy: PolicyVersionAdopted, grade: str) -> int | None:
    """The number of visits that a version of ``visit_cap`` allows a grade."""
    value = policy.value
    number = value.get(grade) if isinstance(value, dict) else value
    return number if isinstance(number, int) else None


def _arrivals(profile: CreditProfile) -> list[Arrival]:
    held = (profile.standing or NOTHING).joint_visits
    return arrivals(profile.visits, held) if profile.visits else []


def came(times: Sequence[Arrival]) -> dict[str, int]:
    """How often units came, as the burden account has it."""
    return {
        "visits": len(times),
        "minutes_on_site": sum(time.minutes for time in times),
        "joint_visits": sum(time.units > 1 for time in times),
        "avoided_by_merging": sum(time.units - 1 for time in times),
    }


def upcoming(visit: Visit, plans: str) -> bool:
    """Whether a visit is planned still, by a unit whose plans are told of."""
    return (
        bool(visit.counter)
        and plans in (EVERY, visit.unit)
        and not visit.cancelled
        and visit.opened_on is None
        and visit.concluded_on is None
    )


_JSON = msgspec.json.Encoder()


def as_json(document: Any) -> bytes:
    """The bytes of a document, as they are sent."""
    return _JSON.encode(document)


def says_nothing(body: bytes, entity: str, audience: Audience, plans: str = "") -> bool:
    """Whether a document is that of a business of which nothing at all is recorded.

    To this audience nothing is then known of the business, whatever may be sealed.
    """
    return body == as_json(render(CreditProfile(entity), audience, plans=plans))
