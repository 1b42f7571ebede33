"""Repair: what waits for a decision, one application, and one record with its earliest day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from api.console.pages.businesses import today_of, unit_names
from api.console.shell import CONCERNED, Opened, Page
from api.http.resources import Parameter
from ledger.registry import COMMANDS
from ledger.systems.repair.rules import REP_R2

#: What is listed of each kind on the page of all repairs.
_LISTED = 200

#: The businesses of a search whose records are listed.
_BUSINESSES = 20

#: The deadlines that run for an application until it is decided.
_OF_REPAIRS = tuple(
    ("rule", rule)
    for rule in ("repair.accept_wd", "repair.accept_wd.supplemented", "repair.decide_wd")
)

#: The stages of an application that is decided.
_DECIDED = frozenset({"granted", "refused", "not_accepted", "revoked"})


async def index(page: Opened) -> web.StreamResponse:
    """Show the applications by their statutory day, and the records that can be repaired."""
    words = {n: v for n, v in page.query if n in ("q", "entity")}
    of_businesses = await _of_businesses(page, words.get("q", ""))
    cases, deadlines, *records = await page.read_all(
        ("/v1/repair/cases", {"limit": _LISTED, "sort": "-applied_on", **_only(words, "entity")}),
        ("/v1/deadlines", [("limit", _LISTED), ("sort", "due_on"), *_OF_REPAIRS]),
        ("/v1/repair/records", {"limit": _LISTED, **words}),
        *([("/v1/repair/records", of_businesses)] if of_businesses else []),
    )
    clocks = _clocks(deadlines)
    items = [] if cases is None else cases["items"]
    waiting = [case for case in items if case.get("stage") not in _DECIDED]
    waiting.sort(key=lambda case: clocks.get(case["repair"], {}).get("due_on") or "9999")
    return await page.render(
        "repairs.html",
        waiting=waiting,
        decided=[case for case in items if case.get("stage") in _DECIDED],
        due=clocks,
        records=_distinct(records),
        given=words,
        today=today_of(page),
    )


async def _of_businesses(page: Opened, words: str) -> list[tuple[str, str | int]]:
    """Return the question for the records of the businesses with these words in their name."""
    if not words:
        return []
    found = await page.read("/v1/entities", {"q": words, "limit": _BUSINESSES})
    wanted = [("entity", item["entity"]) for item in found["items"]]
    return [("limit", _LISTED), *wanted] if wanted else []


def _distinct(answers: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the records of several answers, each once, by the earliest day."""
    records = {r["record"]: r for answer in answers if answer for r in answer["items"]}
    return sorted(records.values(), key=lambda r: (r["earliest_on"] or "9999", r["record"]))


def _only(given: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in given.items() if name in names}


def _clocks(deadlines: Any) -> dict[str, dict[str, Any]]:
    """Return the earliest deadline of each application that was not met, by its id."""
    clocks: dict[str, dict[str, Any]] = {}
    for item in [] if deadlines is None else deadlines["items"]:
        kind, _, id_ = item["about"].partition(":")
        if kind == "repair" and item["state"] in ("open", "missed"):
            clocks.setdefault(id_, item)
    return clocks


async def case(page: Opened) -> web.StreamResponse:
    """Show one application: its conditions, its clock, what it lacks, who removed the record."""
    repair = page.request.match_info["repair"]
    path = f"/v1/repair/cases/{quote(repair, safe='')}"
    asked = {n: v for n, v in page.query if n == "on"}
    body = await page.read(path, asked)
    deadlines, *records = await page.read_all(
        ("/v1/deadlines", {"about": f"repair:{repair}", "sort": "due_on"}),
        *((f"/v1/repair/records/{quote(r['record'], safe='')}", asked) for r in body["dates"]),
    )
    (profile,) = await page.read_all((f"/v1/entities/{body['entity']}/profile", None))
    return await page.render(
        "repair.html",
        units=await unit_names(page),
        path=path,
        case=body,
        records=[record for record in records if record],
        accounts=removal_accounts(records),
        deadlines=[] if deadlines is None else deadlines["items"],
        name=((profile or {}).get("identity") or {}).get("name"),
        acts=_acts(page, body),
        today=today_of(page),
    )


class Account(msgspec.Struct, frozen=True):
    """The recipients of a record that ended, and how many of them confirmed its removal."""

    record: str
    removals: list[dict[str, Any]]

    @property
    def confirmed(self) -> int:
        """How many recipients confirmed the removal."""
        return sum(1 for removal in self.removals if removal.get("acknowledged_on"))


def removal_accounts(records: Sequence[Any]) -> list[Account]:
    """Return the account of each record that ended: every recipient that was told of its end."""
    return [
        Account(record["record"], record["removals"])
        for record in records
        if record and record.get("removals")
    ]


class Act(msgspec.Struct, frozen=True):
    """A command that the reader may send for an application, with what is known of its form."""

    command: str
    known: dict[str, Any]


def _acts(page: Opened, case: Mapping[str, Any]) -> list[Act]:
    """Return the commands that continue an application at its stage, for the reader's role."""
    wanted = _NEXT.get(str(case.get("stage")), ())
    own = {
        "repair": case["repair"],
        "entity": case["entity"],
        "unit": case["unit"],
        # What the evidence of the ledger shows; the officer says how it was verified.
        "verified": [
            condition["details"]["missing"]
            for condition in case["conditions"]
            if condition["met"] and condition["rule_id"] == REP_R2.id
        ],
    }
    return [
        Act(entry.name, _known(entry.command, own))
        for entry in COMMANDS
        if entry.system == "repair" and entry.name in wanted and page.role in entry.roles
    ]


def _known(command: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in command.__struct_fields__}


#: What may follow at each stage.
_NEXT = {
    "applied": (
        "forward-repair",
        "accept-repair",
        "request-repair-supplement",
        "not-accept-repair",
    ),
    "forwarded": ("accept-repair", "request-repair-supplement", "not-accept-repair"),
    "supplement_requested": ("supplement-repair", "not-accept-repair"),
    "accepted": ("grant-repair", "refuse-repair", "extend-repair"),
    "granted": ("synchronise-repair", "push-repair", "revoke-repair"),
}


async def record(page: Opened) -> web.StreamResponse:
    """Show one record: its earliest day under each regime, its conditions, who removed it."""
    name = page.request.match_info["record"]
    path = f"/v1/repair/records/{quote(name, safe='')}"
    asked = {n: v for n, v in page.query if n == "on"}
    body = await page.read(path, asked)
    (profile,) = await page.read_all((f"/v1/entities/{body['entity']}/profile", None))
    return await page.render(
        "repair-record.html",
        units=await unit_names(page),
        path=path,
        record=body,
        accounts=removal_accounts([body]),
        name=((profile or {}).get("identity") or {}).get("name"),
        today=today_of(page),
    )


_ON = (Parameter("on", date, "the day for which the conditions are checked"),)

PAGES = (
    Page(
        "/console/repairs",
        index,
        name="repairs",
        group="matters",
        roles=CONCERNED,
        key="p",
        needs=("/v1/repair/records",),
    ),
    Page("/console/v1/repair/cases/{repair}", case, name="repair", query=_ON),
    Page("/console/v1/repair/records/{record}", record, name="repair-record", query=_ON),
)
