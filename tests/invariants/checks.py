"""The invariants of rulebook 2.17: each says what is wrong in a town, nothing if all is right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any
from urllib.parse import quote

from ledger.kernel import civil_moment
from ledger.kernel.events import CIVIL_ZONE
from projections.opening import verify_views
from tests.invariants import book
from tests.invariants.asking import Answer, Desk
from tests.invariants.facts import as_known, stored
from tests.sequences.asking import RESOURCES
from tests.sequences.town import BUSINESSES, Town

_ONE_DAY = timedelta(days=1)
#: Of the log alone, of the service, of another ledger, or the same for every ledger.
_NOT_ASKED = (
    "/v1/log/", "/v1/access", "/livez", "/readyz", "/metrics", "/docs", "/static", "/problems",
    "/v1/openapi",
)  # fmt: skip
#: Deadlines that are the last days of records.
_IS_BOUND = re.compile(r"(dishonesty|samr)\.regime\.max")
#: ``visit_cap`` (§3).
_CAPS = {"A": 1, "B": 1, "C": 2, "D": 4}


class Seen:
    """A town as it stands, and what its ledger holds in plain facts."""

    def __init__(self, town: Town, desk: Desk) -> None:
        self.town, self.desk = town, desk
        town.caught_up()
        self.raw = stored(town.service.recorder)
        self.facts = list(as_known(self.raw))
        self.records = book.records(self.facts)
        self.today = town.today
        #: The same for the same ledger.
        self.dice = Random(len(self.raw))

    def days(self, count: int) -> list[date]:
        """Some days of the past year or so, the ends of records and of assessments among them."""
        ends = {r.end[1] for r in self.records.values() if r.end is not None}
        ends |= {r.determined_on for r in self.records.values()}
        near = {day + timedelta(n) for day in ends for n in (-1, 0, 1)}
        past = sorted(day for day in near if day <= self.today)
        return self.dice.sample(past, min(count, len(past)))

    async def profile(self, entity: str, who: str = "JB", **when: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self.desk.get(who, f"/v1/entities/{entity}/profile", **when)
        return found

    async def grade(self, entity: str, **when: Any) -> str:
        """The grade of a day; where nothing was known of the business, that of all such."""
        answer = await self.desk.ask("JB", f"/v1/entities/{entity}/profile", **when)
        return "B" if answer.status == 404 else str(answer.json()["grade"])


Faults = list[str]


async def grade_from_scratch(seen: Seen) -> Faults:
    """Today's grade, that of any day, and that of any day as known then, are the rulebook's."""
    faults = []
    shown = {one["entity"]: one["grade"] for one in await seen.desk.items("JB", "/v1/entities")}
    moments = [seen.dice.choice(seen.raw).known_at for _ in range(2)]
    for entity in BUSINESSES:
        answers: list[tuple[str, str, str]] = []
        now = book.grade(seen.facts, entity, seen.today)
        profile = await seen.profile(entity)
        answers += [("profile", now, profile["grade"]), ("list", now, shown[entity])]
        for day in seen.days(3):
            expected = book.grade(seen.facts, entity, day)
            answers.append((f"on {day}", expected, await seen.grade(entity, valid_as_of=day)))
        for moment in moments:
            day = moment.astimezone(CIVIL_ZONE).date()
            known = list(as_known(seen.raw, moment))
            expected = book.grade(known, entity, day)
            when = {"valid_as_of": day, "known_as_of": moment.isoformat()}
            answers.append((f"known {moment}", expected, await seen.grade(entity, **when)))
        faults += [
            f"grade of {entity}, {where}: {given}, by the book {expected}"
            for where, expected, given in answers
            if given != expected
        ]
    return faults


async def bounds_agree(seen: Seen) -> Faults:
    """Profile, deadline and rulebook give a record the same last day, and lists its repair day."""
    faults = []
    earliest = {
        one["record"]: one["earliest_on"]
        for one in await seen.desk.items("JB", "/v1/repair/records")
    }
    due = {}
    for row in await seen.desk.items("JB", "/v1/deadlines", state="open"):
        if _IS_BOUND.match(row["rule"]):
            due[row["about"].partition(":")[2]] = row["due_on"]
    for entity in BUSINESSES:
        for shown in (await seen.profile(entity))["records"]:
            name = shown["record"]
            record = seen.records[name]
            if shown["status"] not in ("active", "suspended"):
                continue
            until = shown.get("publicity", {}).get("max_until")
            days = [until, due.get(name)]
            days += [
                None if day is None else day.isoformat()
                for day in (record.max_until, record.last_day())
            ]
            if len(set(days)) != 1:
                faults.append(
                    f"last day of {name} in profile, deadline, ledger, by the book: {days}"
                )
            if (day := shown.get("earliest_repair_on")) is not None and earliest[name] != day:
                faults.append(f"earliest repair of {name}: {day} and {earliest[name]}")
            least = shown.get("publicity", {}).get("min_until")
            if (
                day is not None
                and least is not None
                and not (least < day or least == day == shown["determined_on"])
            ):
                faults.append(f"{name} can be repaired on {day}, and is shown until {least}")
    return faults


async def public_shows_what_is_shown(seen: Seen) -> Faults:
    """Profiles that everybody reads hold the records in publicity today, and no others."""
    faults = []
    for entity in BUSINESSES:
        expected = {
            n for n, r in seen.records.items() if r.entity == entity and r.shown(seen.today)
        }
        for who in ("nobody", "stranger"):
            given = {one["record"] for one in (await seen.profile(entity, who))["records"]}
            faults += [
                f"{who} is {'shown' if name in given else 'not shown'} {name}"
                for name in sorted(given ^ expected)
            ]
    return faults


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w〔-]){re.escape(name)}(?![\w-])")


def markers(seen: Seen) -> dict[str, str]:
    """What nobody may read anywhere any more: names, each with why."""
    found = {}
    live = {r.doc_no for r in seen.records.values() if r.end is None}
    for name, record in seen.records.items():
        if record.end is not None:
            found[name] = f"record {record.end[0]} on {record.end[1]}"
            over = record.end[0] in ("repaired", "max_reached")
            if over and record.doc_no not in live:
                found[record.doc_no] = f"document of {name}, {record.end[0]}"
        last = record.max_until
        outlived = record.end is None and last is not None and last < seen.today
        if outlived:
            found[name] = f"record, over since {last}"
        if (record.was_over or outlived) and record.decision is not None:
            found[record.decision] = f"decision of {name}, which was over"
    return found


async def no_public_trace(seen: Seen) -> Faults:
    """Nothing that anybody is answered without a right of their own names what ended."""
    wanted = {name: (_word(name), why) for name, why in markers(seen).items()}
    if not wanted:
        return []
    faults: dict[str, str] = {}
    about = _subjects(seen, wanted)
    # It need not be asked for: pages that name it by themselves, and those that are asked for it.
    for asked, (path, query) in enumerate(_addresses(seen, about)):
        for who in ("nobody", "stranger") if asked % 4 == 0 else ("nobody",):
            answer = await seen.desk.ask(who, path, **query)
            for name in _named(answer, wanted, f"{path} {query}"):
                faults.setdefault(f"{who} reads of {name} ({wanted[name][1]})", f"{path} {query}")
    return [f"{what} at {where}" for what, where in faults.items()]


def _named(
    answer: Answer, wanted: dict[str, tuple[re.Pattern[str], str]], asked: str
) -> Iterator[str]:
    """What an answer tells of that it was not asked for by name, or has found."""
    if answer.status >= 400:
        # It repeats what was asked for, as it does for what never was.
        return
    for name, (pattern, _) in wanted.items():
        if pattern.search(answer.text) or pattern.search(answer.link.replace(asked, "")):
            yield name


def _subjects(seen: Seen, names: Iterable[str]) -> dict[str, list[str]]:
    """The ids that events name together with what ended, by kind; and where these events stand."""
    found: dict[str, dict[str, None]] = {}
    names = set(names)
    for record in seen.town.book.records:
        tags = [tag.partition(":")[::2] for tag in record.event.tags()]
        if any(name in names for _, name in tags):
            found.setdefault("position", {})[str(record.position)] = None
            for kind, name in tags:
                found.setdefault(kind.replace("-", "_"), {})[name] = None
    some = {kind: list(ids) for kind, ids in found.items()}
    few = {"position": 12, "record": 6, "decision": 6}
    return {
        kind: seen.dice.sample(ids, min(few.get(kind, 2), len(ids))) for kind, ids in some.items()
    }


def _addresses(seen: Seen, about: dict[str, list[str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every address that a path can have with these subjects, and the queries that name days."""
    for resource in RESOURCES:
        if resource.path.startswith(_NOT_ASKED):
            continue
        names = re.findall(r"\{([a-z_]+)(?::[^}]*)?\}", resource.path)
        kinds = {"id": "task", "key": "policy", "supdoc": "supdoc"}
        choices = [about.get(kinds.get(name, name), [])[:8] for name in names]
        parameters = {parameter.name for parameter in resource.query}
        for chosen in product(*choices):
            path = resource.path
            for name, value in zip(names, chosen, strict=True):
                path = re.sub(rf"\{{{name}(:[^}}]*)?\}}", quote(value, safe=""), path)
            yield path, {"limit": 500} if "limit" in parameters else {}
            if "valid_as_of" in parameters:
                for day in seen.days(3):
                    yield path, {"valid_as_of": day}
                    moment = seen.dice.choice(seen.raw).known_at.isoformat()
                    yield path, {"valid_as_of": day, "known_as_of": moment}
            for kind in ("entity", "unit", "record", "decision", "case"):
                if kind in parameters and about.get(kind):
                    yield path, {kind: seen.dice.choice(about[kind])}
    for kind in ("entity", "record", "decision"):
        for name in about.get(kind, ())[:3]:
            yield "/v1/feed", {"subject": f"{kind}:{name}", "limit": 1000}
    yield "/v1/feed", {"type": ["credit.*", "penalties.*", "corrections.*"], "limit": 1000}


async def visits_have_a_business(seen: Seen) -> Faults:
    """Every open task is for a business that the register lists."""
    return [
        f"{task} is open for {business}, which is not listed"
        for task, visit in book.visits(seen.facts).items()
        if not visit.over
        and not book.listed(seen.facts, business := visit.approved.body["entity"], seen.today)
    ]


async def caps_hold(seen: Seen) -> Faults:
    """No approval went beyond the cap of its day, but where a stratum is drawn whole."""
    faults = []
    booked: Counter[tuple[str, str, int]] = Counter()
    visits = book.visits(seen.raw)
    for place, fact in enumerate(seen.raw):
        visit = visits.get(str(fact.get("task", "")))
        if visit is None or not visit.capped:
            continue
        if fact.type == "filing.inspection-cancelled":
            booked[visit.under] -= 1
        elif fact is visit.approved:
            unit, entity, year = visit.under
            known = list(as_known(seen.raw[:place]))
            grade = book.grade(known, entity, fact.on)
            whole = book.drawn_whole(known, fact.get("draw"), entity)
            if booked[visit.under] >= _CAPS[grade] and not whole:
                faults.append(
                    f"{visit.name} is visit {booked[visit.under] + 1} of {unit} to {entity} in "
                    f"{year}, which was {grade}"
                )
            booked[visit.under] += 1
    return faults


async def nothing_assumed_is_now(seen: Seen) -> Faults:
    """What would be if nothing were otherwise is what is: document, grade, caps, ratio."""
    faults = []
    for entity in BUSINESSES:
        path = f"/v1/entities/{entity}/replay"
        now = await seen.profile(entity)
        nothing: list[dict[str, Any]] = [
            {},
            {"without": "no-such-record"},
            {"without": 10**9},
            {"known_as_of": seen.town.now.isoformat()},
            {"to_position": len(seen.raw)},
        ]
        for query in nothing:
            replayed = await seen.desk.get("JB", path, **query)
            faults += [
                f"replay of {entity} {query}: {name} is {replayed['profile'].get(name)}, "
                f"and now {now.get(name)}"
                for name in now.keys() | replayed["profile"].keys()
                if replayed["profile"].get(name) != now.get(name)
            ]
        today = await seen.desk.get("JB", path, valid_as_of=seen.today)
        faults += [
            f"replay of {entity} as of today: {name} is {today['profile'][name]}, now {now[name]}"
            for name in ("grade", "records", "caps")
            if today["profile"][name] != now[name]
        ]
    return faults


async def without_all_is_without(seen: Seen) -> Faults:
    """Without its records a business has the grade of one without; without one, by the book."""
    faults = []
    for entity in BUSINESSES:
        own = [name for name, r in seen.records.items() if r.entity == entity]
        for left_out in (own, seen.dice.sample(own, min(1, len(own)))):
            if not left_out:
                continue
            kept = [fact for fact in seen.facts if fact.get("record") not in left_out]
            expected = book.grade(kept, entity, seen.today)
            answer = await seen.desk.get(
                "JB", f"/v1/entities/{entity}/replay", without=left_out[:50]
            )
            if len(left_out) <= 50 and answer["profile"]["grade"] != expected:
                faults.append(
                    f"{entity} without {left_out}: {answer['profile']['grade']}, by the book "
                    f"{expected}"
                )
    return faults


async def rebuilt_is_followed(seen: Seen) -> Faults:
    """Every view built anew from the ledger has the same rows."""
    return [
        f"view {one.view} differs from its rebuild at {one.position} {one.error or ''}"
        for one in verify_views(seen.town.service.recorder, seen.town.service.views)
        if not one.same
    ]


#: Those that ask of a town as it stands, and change nothing.
STANDING = (
    grade_from_scratch,
    bounds_agree,
    public_shows_what_is_shown,
    no_public_trace,
    visits_have_a_business,
    caps_hold,
    nothing_assumed_is_now,
    without_all_is_without,
    rebuilt_is_followed,
)


async def standing(town: Town, desk: Desk) -> Faults:
    """All of them."""
    seen = Seen(town, desk)
    return [fault for check in STANDING for fault in await check(seen)]


# The clock, which is moved.


async def clock_applies_what_is_shown(town: Town, desk: Desk, *, dates: int = 4) -> Faults:
    """On the last day that a record or a deadline shows it still runs, and on the next it ends."""
    faults: Faults = []
    for _ in range(dates):
        # What fell due while nobody looked ends first.
        town.tick()
        town.caught_up()
        rows = [
            row
            for row in await desk.items("JB", "/v1/deadlines", state="open")
            if row["due_on"] is not None and not row["provisional"]
        ]
        coming = {row["due_on"] for row in rows if row["due_on"] >= town.today.isoformat()}
        bounds = {row["due_on"] for row in rows if _IS_BOUND.match(row["rule"])}
        if not coming:
            break
        # Those of records first: they are few, and the last ones lie far ahead.
        day = date.fromisoformat(min(coming & bounds or coming))
        due = {row["deadline"]: row for row in rows}
        for hours, over in ((23, False), (24, True)):
            town.now = civil_moment(day) + timedelta(hours=hours, minutes=30)
            town.tick()
            town.caught_up()
            faults += await _ended(desk, due, day, over=over)
    return faults


async def _ended(desk: Desk, due: dict[str, Any], day: date, *, over: bool) -> Faults:
    """What of the deadlines of a day has not ended though it is over, or has before."""
    faults = []
    now = {row["deadline"]: row["state"] for row in await desk.items("JB", "/v1/deadlines")}
    for name, row in due.items():
        state = now.get(name)
        if row["due_on"] == day.isoformat() and (state == "open") == over:
            when = "after" if over else "on"
            faults.append(f"{row['rule']} about {row['about']} is {state} {when} {day}")
            continue
        if not _IS_BOUND.match(row["rule"]) or row["due_on"] != day.isoformat():
            continue
        record = row["about"].partition(":")[2]
        [shown] = [
            one
            for one in (await desk.get("JB", f"/v1/entities/{row['entity']}/profile"))["records"]
            if one["record"] == record
        ]
        if (shown["status"] == "max_reached") != over:
            faults.append(f"{record} is {shown['status']} {'after' if over else 'on'} {day}")
    return faults
