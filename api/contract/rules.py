"""``GET /v1/rules`` and ``/v1/deadline-rules``: what must be so, and by when, in both languages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from inspect import cleandoc
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web

from api.contract.titles import Titles, paragraphs, titles
from api.http.asking import PRIVATE, caught_up, read
from api.http.languages import language_of
from api.http.problems import not_found
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from ledger.kernel.deadlines import DeadlineRule, deadline_rules
from ledger.kernel.messages import LANGUAGES
from ledger.kernel.rules import Rule, rules
from ledger.systems.policies.keys import KEYS
from projections.systems.policies import POLICIES, Policies
from projections.tables import Connection

_VIEW = Policies()

VALID_AS_OF = Parameter("valid_as_of", date, "the day whose policies are shown; by default today")


class PolicyToday(msgspec.Struct, frozen=True):
    """A policy that sets a number, and its value on a day; ``None`` if none is in force."""

    key: str
    title: str
    titles: Titles
    unit: str
    version: int | None
    value: Any


class ShownRule(msgspec.Struct, frozen=True):
    """A rule: what it says in both languages, its law, its policy, what applies and tests it.

    ``kind``: a command that breaks a ``refusal`` rule records nothing; a fact that breaks a
    ``finding`` rule is recorded together with a finding of ``finding_type``. A ``confidential``
    finding is for supervisors alone. ``message`` and ``hint`` may name details in braces, which a
    refusal fills in; ``details`` are their names. ``commands`` are those that may apply the rule,
    and ``deadlines`` the deadline rules whose missing breaks it. ``tests`` are the tests of this
    program that hold it.
    """

    id: str
    kind: Literal["refusal", "finding"]
    message: str
    messages: Titles
    hint: str
    hints: Titles
    details: tuple[str, ...]
    law: str
    finding_type: str | None
    confidential: bool
    policy: PolicyToday | None
    commands: tuple[str, ...]
    deadlines: tuple[str, ...]
    tests: tuple[str, ...]


class Rules(msgspec.Struct, frozen=True):
    """Every rule, by its id."""

    items: tuple[ShownRule, ...]


class ShownDeadlineRule(msgspec.Struct, frozen=True):
    """A deadline rule: which event opens a deadline, which ones discharge it, what sets its length.

    ``policy`` sets the length, with ``part`` if the policy is a table; without a policy the opening
    event names the last day. A missed deadline raises a finding of the rule ``raises``, unless it
    ``lapses``: then the unit has not missed anything. ``follows`` says what follows by law.
    """

    name: str
    title: str
    titles: Titles
    policy: PolicyToday | None
    part: str | None
    opened_by: str
    discharged_by: tuple[str, ...]
    raises: str | None
    lapses: bool
    follows: str | None


class DeadlineRules(msgspec.Struct, frozen=True):
    """Every deadline rule, by its name."""

    items: tuple[ShownDeadlineRule, ...]


class Applied(msgspec.Struct, frozen=True):
    """The commands that may apply a rule, and the tests that name it (``tools.applying``)."""

    commands: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


@cache
def _applied() -> Mapping[str, Applied]:
    data = (files("api") / "contract" / "applied.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, Applied])


#: The policies in force on a day: number of the version and value, by key.
InForce = Mapping[str, tuple[int, Any]]


def in_force(connection: Connection, on: date, keys: Collection[str]) -> InForce:
    """Return those of some policies that are in force everywhere on a day."""
    query = sa.select(POLICIES.c.key, POLICIES.c.state).where(POLICIES.c.key.in_(keys))
    states = connection.execute(query)
    versions = {key: _VIEW.decode(state).in_force(on) for key, state in states}
    return {key: (v.version, v.value) for key, v in versions.items() if v is not None}


def _policy(key: str | None, known: InForce, language: str) -> PolicyToday | None:
    if key is None:
        return None
    shown = titles(f"policy:{key}", "titles")
    version, value = known.get(key, (None, None))
    return PolicyToday(key, shown[language], shown, KEYS[key].unit, version, value)


def _shown(rule: Rule, known: InForce, language: str) -> ShownRule:
    message = Titles(**{each: rule.text("message", each) for each in LANGUAGES})
    hint = Titles(**{each: rule.text("hint", each) for each in LANGUAGES})
    applied = _applied().get(rule.id, Applied())
    missed = (d.name for d in deadline_rules().values() if d.finding is rule)
    return ShownRule(
        id=rule.id,
        kind=rule.kind,
        message=message[language],
        messages=message,
        hint=hint[language],
        hints=hint,
        details=rule.details,
        law=rule.law,
        finding_type=rule.finding_type,
        confidential=rule.confidential,
        policy=_policy(rule.policy_key, known, language),
        commands=applied.commands,
        deadlines=tuple(sorted(missed)),
        tests=applied.tests,
    )


def _shown_deadline(rule: DeadlineRule, known: InForce, language: str) -> ShownDeadlineRule:
    shown = titles(f"deadline:{rule.name}", "titles")
    follows = None if rule.follows is None else paragraphs(cleandoc(rule.follows.__doc__ or ""))
    return ShownDeadlineRule(
        name=rule.name,
        title=shown[language],
        titles=shown,
        policy=_policy(rule.policy_key, known, language),
        part=rule.part,
        opened_by=rule.opened_by.TOPIC,
        discharged_by=tuple(event.TOPIC for event in rule.discharged_by),
        raises=None if rule.finding is None else rule.finding.id,
        lapses=rule.lapses,
        follows=follows,
    )


async def _known(request: web.Request, asked: Iterable[Rule | DeadlineRule]) -> InForce:
    reader = await reader_of(request)
    on: date = query_value(request, "valid_as_of", date, reader.today)
    follower = await caught_up(request, "policies")
    keys = {rule.policy_key for rule in asked if rule.policy_key is not None}
    return await read(follower, lambda connection: in_force(connection, on, keys))


def _answer(value: Any, language: str) -> web.Response:
    headers = {
        **PRIVATE,
        hdrs.VARY: f"{PRIVATE[hdrs.VARY]}, {hdrs.ACCEPT_LANGUAGE}",
        hdrs.CONTENT_LANGUAGE: language,
    }
    return json_response(value, headers=headers)


async def all_rules(request: web.Request) -> web.Response:
    """List every rule in both languages, with its law and the value of its policy on a day."""
    language, known = language_of(request), await _known(request, rules().values())
    return _answer(Rules(tuple(_shown(r, known, language) for r in rules().values())), language)


async def one_rule(request: web.Request) -> web.Response:
    """One rule in both languages, with its law and the value of its policy on a day."""
    rule = rules().get(request.match_info["rule"])
    if rule is None:
        raise not_found()
    language, known = language_of(request), await _known(request, (rule,))
    return _answer(_shown(rule, known, language), language)


async def all_deadline_rules(request: web.Request) -> web.Response:
    """List what opens and discharges each kind of deadline, and its length on a day."""
    language, known = language_of(request), await _known(request, deadline_rules().values())
    shown = (_shown_deadline(r, known, language) for _, r in sorted(deadline_rules().items()))
    return _answer(DeadlineRules(tuple(shown)), language)


async def one_deadline_rule(request: web.Request) -> web.Response:
    """What opens and discharges one kind of deadline, and its length on a day."""
    rule = deadline_rules().get(request.match_info["deadline_rule"])
    if rule is None:
        raise not_found()
    language, known = language_of(request), await _known(request, (rule,))
    return _answer(_shown_deadline(rule, known, language), language)


def _resource(path: str, handler: Any, returns: Any) -> Resource:
    query, headers = (VALID_AS_OF, AT_LEAST), (AT_LEAST_HEADER,)
    return Resource(path, handler, returns=returns, query=query, headers=headers, worded=True)


RESOURCES = (
    _resource("/v1/rules", all_rules, Rules),
    _resource("/v1/rules/{rule}", one_rule, ShownRule),
    _resource("/v1/deadline-rules", all_deadline_rules, DeadlineRules),
    _resource("/v1/deadline-rules/{deadline_rule}", one_deadline_rule, ShownDeadlineRule),
)
