"""Policies: the numbers that rules use, in every version."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import hdrs, web

from api.contract.rules import VALID_AS_OF
from api.contract.titles import Titles, titles
from api.http.asking import PRIVATE, one_row, rows_page
from api.http.languages import language_of
from api.http.listing import listed
from api.http.questions import Questions
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from ledger.kernel import LegalRef
from ledger.kernel.deadlines import deadline_rules
from ledger.kernel.rules import rules
from ledger.systems.policies.keys import KEYS
from projections.answers import entry_fields, fields_type
from projections.systems.policies import POLICIES, Policies, ShownPolicy, document

_VIEW = Policies()

DescribedPolicy = fields_type(
    ShownPolicy,
    *ShownPolicy.__struct_fields__,
    called="DescribedPolicy",
    title=str,
    titles=Titles,
    legal_source=LegalRef | None,
    rules=tuple[str, ...],
    deadlines=tuple[str, ...],
)
DescribedPolicy.__doc__ = (
    "A policy: its title, the version in force everywhere on a day with its value and legal "
    "source, all versions, and the rules and deadline rules whose number it sets."
)


def _described(row: Any, day: date, language: str) -> dict[str, Any]:
    shown = document(_VIEW.decode(row.state), day)
    key = shown["key"]
    title = titles(f"policy:{key}", "titles")
    current = [v for v in shown["versions"] if v["version"] == shown["in_force"]]
    return {
        **shown,
        "unit": KEYS[key].unit if key in KEYS else shown["unit"],
        "title": title[language],
        "titles": title,
        "legal_source": current[-1]["source"] if current else None,
        "rules": [rule.id for rule in rules().values() if rule.policy_key == key],
        "deadlines": sorted(d.name for d in deadline_rules().values() if d.policy_key == key),
    }


async def policies(request: web.Request) -> web.Response:
    """Every policy with all versions, and which version is in force on a day (by default today)."""
    day, language = await _day(request), language_of(request)
    response = await rows_page(
        request,
        "policies",
        POLICIES,
        where=[],
        show=lambda row: _described(row, day, language),
        questions=_QUESTIONS,
        entry=DescribedPolicy,
    )
    return _in_language(response, language)


async def policy(request: web.Request) -> web.Response:
    """One policy with all versions, and which version is in force on a day (by default today)."""
    day, language = await _day(request), language_of(request)
    row = await one_row(request, "policies", POLICIES, request.match_info["policy"])
    return _in_language(json_response(_described(row, day, language)), language)


async def _day(request: web.Request) -> date:
    """Return the day that the reader asked for, by either of its two names."""
    reader = await reader_of(request)
    other = query_value(request, "on", date, reader.today)
    day: date = query_value(request, "valid_as_of", date, other)
    return day


def _in_language(response: web.Response, language: str) -> web.Response:
    response.headers[hdrs.CONTENT_LANGUAGE] = language
    response.headers[hdrs.VARY] = f"{PRIVATE[hdrs.VARY]}, {hdrs.ACCEPT_LANGUAGE}"
    return response


_QUESTIONS = Questions(fields=entry_fields(DescribedPolicy))
_ON = Parameter("on", date, "the same as valid_as_of")

RESOURCES = (
    listed("/v1/policies", policies, _QUESTIONS, DescribedPolicy, more=(_ON, VALID_AS_OF)),
    Resource(
        "/v1/policies/{policy}",
        policy,
        returns=DescribedPolicy,
        query=(_ON, VALID_AS_OF, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        worded=True,
    ),
)
