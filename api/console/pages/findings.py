"""Findings: possible breaches of rules; who answers them, and what becomes of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, get_args
from urllib.parse import quote

import msgspec
from aiohttp import web

from api.console.pages.commands import possible
from api.console.shell import ACT, CONCERNED, KEY, Opened, Page, see
from api.http.resources import Parameter
from ledger.access.events import RuleId
from ledger.kernel.rules import rules
from projections.systems.findings import FindingState

STATES = get_args(FindingState)
#: States of findings that nobody has ended.
OPEN = tuple(state for state in STATES if state not in ("dismissed", "closed"))

#: The commands that answer a finding in each state, the first one the usual.
ACTS: Mapping[str, tuple[str, ...]] = {
    "raised": ("triage-finding", "dismiss-finding"),
    "triaged": (
        "respond-to-finding",
        "issue-supervision-doc",
        "start-direct-handling",
        "dismiss-finding",
    ),
    "responded": ("accept-rectification", "reject-rectification", "close-finding"),
    "rectified": ("close-finding", "reject-rectification"),
    "rejected": ("respond-to-finding", "issue-supervision-doc", "start-direct-handling"),
}
#: Commands that are sent for several findings with one text, and the field of that text.
BULK: Mapping[str, str] = {
    "triage-finding": "assessment",
    "accept-rectification": "note",
    "close-finding": "conclusion",
    "dismiss-finding": "reason",
}
#: The most findings that are answered at once.
MAX_BULK = 50

#: Days after which a finding counts as old; a week and a month are chips of the list.
AGES = (7, 30, 90)

_TONES = {"raised": "bad", "rejected": "bad", "triaged": "warn", "responded": "warn"}


class Act(msgspec.Struct, frozen=True):
    """A command about a finding: its name, and the address of its form with what is known."""

    name: str
    known: dict[str, Any]


class Shown(msgspec.Struct, frozen=True):
    """A finding as a row: the answer of the interface, what it says, and what can be done."""

    finding: dict[str, Any]
    says: str
    law: str
    acts: tuple[Act, ...]
    confidential: bool = False

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return _TONES.get(self.finding["state"], "good")

    @property
    def age_tone(self) -> str:
        """The colour of its age; an ended finding has none."""
        days = self.finding.get("age_days") or 0
        if self.finding["state"] not in OPEN or days <= AGES[0]:
            return ""
        return "bad" if days > AGES[1] else "warn"


async def findings(page: Opened) -> web.StreamResponse:
    """List findings with their counts by rule, unit, kind and state; open ones by default."""
    today = page.today
    asked = [pair for pair in page.query if pair[0] not in ("ended", "older_than")]
    ended = any(name == "state" for name, _ in asked) or page.request.query.get("ended") == "true"
    if not ended:
        asked += [("not_state", state) for state in STATES if state not in OPEN]
    older = page.request.query.get("older_than", "")
    if older.isdigit() and len(older) < 5:
        asked.append(("raised_before", str(today - timedelta(days=int(older)))))
    options = [("facets", "state,rule_id,unit,type"), ("total", "true")]
    ages = (("/v1/summary", _older_than(today, days)) for days in AGES)
    # Units are named by a count of their findings: a finding may be about one without a name.
    named = ("/v1/summary", {"of": "findings", "by": "unit"})
    listed, (units, *old) = await asyncio.gather(
        page.read("/v1/findings", [*asked, *options]), page.read_all(named, *ages)
    )
    counted = [] if units is None else units["items"]
    names = {c["group"]["unit"]: c["unit_name"] for c in counted if c.get("unit_name")}
    facets = {
        name: [(v["value"], v["count"]) for v in values if v["value"] is not None]
        for name, values in listed["facets"].items()
    }
    return await page.render(
        "findings.html",
        body=listed,
        rows=[shown(page, finding) for finding in listed["items"]],
        facets=facets,
        named={
            "unit": names,
            "rule_id": {rule: f"{rule} {page.words.rule(rule)}" for rule, _ in facets["rule_id"]},
        },
        ages=[(days, counts["total"]) for days, counts in zip(AGES, old, strict=True) if counts],
        ended=ended,
        asked=asked,
        bulk=[name for name in BULK if possible(page.role, f"supervision/{name}")],
    )


def _older_than(today: date, days: int) -> list[tuple[str, str | int]]:
    query: list[tuple[str, str | int]] = [("of", "findings"), ("by", "state")]
    query += [("state", state) for state in OPEN]
    return [*query, ("until", str(today - timedelta(days=days + 1)))]


def shown(page: Opened, finding: dict[str, Any]) -> Shown:
    """Return a finding with its sentence, its law and the commands that its reader may send."""
    rule = rules().get(finding["rule_id"])
    acts = tuple(
        Act(name, _known(name, finding))
        for name in ACTS.get(finding["state"], ())
        if possible(page.role, f"supervision/{name}") and _answers(page, name, finding)
    )
    says = page.words.rule(finding["rule_id"], finding.get("facts"))
    if rule is None:
        return Shown(finding, says, "", acts)
    return Shown(finding, says, rule.law, acts, rule.confidential)


def _answers(page: Opened, name: str, finding: Mapping[str, Any]) -> bool:
    """Return whether a command makes sense for this reader and finding."""
    own = finding.get("unit") == page.session.grant.unit
    if name == "respond-to-finding":
        return own
    if name in ("issue-supervision-doc", "start-direct-handling"):
        rule = rules().get(finding["rule_id"])
        return finding.get("unit") is not None and not (rule is not None and rule.confidential)
    return name != "close-finding" or not own


def _known(name: str, finding: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a command that are known from the finding."""
    if name == "issue-supervision-doc":
        return {"unit": finding["unit"], "findings": [finding["finding"]]}
    known = {"finding_id": finding["finding"]}
    return known | ({"unit": finding["unit"]} if name == "respond-to-finding" else {})


async def finding(page: Opened) -> web.StreamResponse:
    """Show one finding: its facts, its evidence, its clock, its documents and its trail."""
    key = page.request.match_info["finding"]
    path = f"/v1/findings/{quote(key, safe='')}"
    known = await page.read(path)
    evidence = list(known.get("evidence_events", ()))[:20]
    documents = list(known.get("documents", ()))[:20]
    unit = quote(known.get("unit") or "-", safe="")
    named, deadlines, trail, *more = await page.read_all(
        (f"/v1/units/{unit}", None),
        ("/v1/deadlines", {"about": f"finding:{key}", "sort": "due_on"}),
        (f"{path}/trail", {"limit": 100}),
        *((f"/v1/events/{position}", None) for position in evidence),
        *((f"/v1/supervision-documents/{quote(d, safe='')}", None) for d in documents),
    )
    return await page.render(
        "finding.html",
        shown_finding=shown(page, known),
        unit_name=None if named is None else named.get("name"),
        deadlines=[] if deadlines is None else deadlines["items"],
        trail=[] if trail is None else trail["entries"],
        evidence=[event for event in more[: len(evidence)] if event is not None],
        documents=[document for document in more[len(evidence) :] if document is not None],
        asked_path=path,
    )


async def handling(page: Opened) -> web.StreamResponse:
    """Answer several findings with one command and one text: tried for each, then sent."""
    given = await page.form()
    name = given.get("command", "")
    chosen = tuple(dict.fromkeys(given.get("finding", "").split()))[:MAX_BULK]
    if name not in BULK or not possible(page.role, f"supervision/{name}"):
        return await page.missing()
    if not chosen:
        return see("/console/findings")
    key, text = given.get(KEY) or secrets.token_hex(16), given.get("text", "").strip()
    act = given.get(ACT)
    results: list[tuple[str, Any]] = [(finding_id, None) for finding_id in chosen]
    own = page.own(given)
    if own and text and act in ("try", "send"):
        # One after the other: each is a command of its own, with a key of its own.
        results = [
            (finding_id, await _handled(page, name, finding_id, text, key=key, dry=act == "try"))
            for finding_id in chosen
        ]
    return await page.render(
        "handling.html",
        status=200 if own else 403,
        command=name,
        results=results,
        text=text,
        key=key,
        own=own,
        act=act if own and text else "",
    )


async def _handled(
    page: Opened, name: str, finding_id: str, text: str, *, key: str, dry: bool
) -> Any:
    body = {"finding_id": finding_id, BULK[name]: text}
    each = sha256(f"{key}|{finding_id}".encode()).hexdigest()[:32]
    return await page.send(f"/v1/supervision/{name}", body, key=each, dry=dry)


PAGES = (
    Page(
        "/console/findings",
        findings,
        name="findings",
        group="work",
        key="f",
        needs=("/v1/findings",),
        roles=CONCERNED,
        query=(
            Parameter("state", FindingState),
            Parameter("rule_id", RuleId),
            Parameter("older_than", int),
            Parameter("ended", bool),
        ),
        badge="findings",
    ),
    Page("/console/findings/handling", handling, name="handling", methods=("POST",)),
    Page("/console/findings/{finding}", finding, name="finding"),
)
