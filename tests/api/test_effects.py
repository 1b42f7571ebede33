"""The past of a business in words and in parts: sentences, effects, times, and what would be."""

from __future__ import annotations

import re
from datetime import datetime
from string import Formatter
from typing import Any, get_args

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from api.service import Service
from ledger.kernel import civil_date
from ledger.kernel.events import event_types
from ledger.kernel.messages import LANGUAGES, catalogue
from tests.api.answers import faults_at
from tests.api.district_ledger import tokens_of

#: The business whose year the district tells in full, and a record that it had repaired.
ENTITY, RECORD = "91620100MA7LX2012H", "CR-2026-01"
PATH = f"/v1/entities/{ENTITY}"


class Asking:
    """Asks one served district in the name of its persons."""

    def __init__(self, client: TestClient[Any, Any], tokens: dict[str, str]) -> None:
        self._client = client
        self.tokens = tokens

    async def __call__(self, path: str, who: str = "JB", language: str = "zh") -> Any:
        """Return the answer, or its status if it is a problem."""
        headers = {"Accept-Language": language, "Authorization": f"Bearer {self.tokens[who]}"}
        answer = await self._client.get(path, headers=headers)
        assert answer.status < 500, await answer.text()
        return await answer.json() if answer.status == 200 else answer.status

    async def trail(self, who: str = "JB", **more: Any) -> list[dict[str, Any]]:
        """Return all events about the business that a person sees."""
        query = "&".join(f"{name}={value}" for name, value in more.items())
        answer = await self(f"{PATH}/trail?limit=500&{query}", who)
        entries: list[dict[str, Any]] = answer["entries"] if isinstance(answer, dict) else []
        return entries


@pytest.fixture
def ask(district_client: TestClient[Any, Any], district_service: Service) -> Asking:
    return Asking(district_client, tokens_of(district_service))


# Sentences


def _fields_of(type_: Any, outer: str = "") -> set[str]:
    """Return the details that a sentence may name of an event: fields, counts, inner fields."""
    names = set()
    for field in msgspec.structs.fields(type_):
        names |= {f"{outer}{field.name}", f"{outer}{field.name}_count"}
        for part in (field.type, *get_args(field.type)):
            if not outer and isinstance(part, type) and issubclass(part, msgspec.Struct):
                names |= _fields_of(part, f"{field.name}_")
    return names


def _optional(type_: Any) -> set[str]:
    return {field.name for field in msgspec.structs.fields(type_) if not field.required}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_has_a_sentence_of_its_own(language: str) -> None:
    """A sentence names fields of its event alone, and those that may be absent in brackets."""
    words = catalogue(language, "sentences")
    types = {
        topic: type_
        for topic, type_ in event_types().items()
        if type_.__module__.startswith(("ledger.systems.", "ledger.general.", "ledger.kernel."))
        or topic.startswith("intake.")
    }
    assert set(types) - set(words) == set()
    for topic, type_ in types.items():
        text = words[topic]
        known = _fields_of(type_)
        bare = re.sub(r"\[\[.*?\]\]", "", text)
        named = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        always = {name for _, name, _, _ in Formatter().parse(bare) if name is not None}
        assert {name.strip("[]") for name in named} <= known, topic
        assert not always & _optional(type_), topic


async def test_a_sentence_says_who_did_what_to_whom(ask: Asking) -> None:
    """Names of offices and businesses, amounts and days are written as officials write them."""
    (decided,) = await ask.trail(type="penalties.penalty-decided")
    assert decided["says"] == (
        "市场监督管理局（HEAD-MRB）于2026年3月16日对兰州新区春禾食品有限公司"
        "作出行政处罚决定兰新市监罚〔2026〕1号：罚款，罚款120,000元。"
    )
    (granted,) = (await ask(f"{PATH}/trail?type=repair.repair-granted", language="en"))["entries"]
    assert granted["says"] == (
        "On 2026-06-29, 市场监督管理局 (HEAD-MRB) granted the repair REP-2026-01 of "
        "兰州新区春禾食品有限公司 for the credit records CR-2026-01."
    )


async def test_a_sentence_withholds_what_its_event_withholds(ask: Asking) -> None:
    """A person whom the reader may not know is not named; nothing that is missing is asked for."""
    for who in ("JB", "Chunhe", "EEB head", "public"):
        for entry in await ask.trail(who):
            assert "?" not in entry["says"], entry
            if entry["actor"]["person_id"] == "withheld":
                assert "withheld" not in entry["says"]
    hidden = [e for e in await ask.trail("public") if e["actor"]["person_id"] == "withheld"]
    assert hidden


# Filters and times


async def test_a_trail_may_be_of_one_person(ask: Asking) -> None:
    """The filter finds what the whole trail shows of a person, to those who may know it."""
    whole = await ask.trail()
    persons = {entry["actor"]["person_id"] for entry in whole}
    assert len(persons) > 5
    for person in persons:
        wanted = [e["position"] for e in whole if e["actor"]["person_id"] == person]
        assert [e["position"] for e in await ask.trail(person=person)] == wanted
    seen = await ask.trail("public")
    assert seen
    assert all(e["actor"]["person_id"] == "withheld" for e in seen)
    for person in persons:
        assert await ask.trail("public", person=person) == []


async def test_the_times_are_those_of_the_trail(ask: Asking) -> None:
    """Each reader is told the days and moments of the events that it sees, and of no other."""
    for who in ("JB", "Chunhe", "Qingtian", "public"):
        entries = await ask.trail(who)
        times = await ask(f"{PATH}/event-times", who)
        moments = [datetime.fromisoformat(entry["occurred_at"]) for entry in entries]
        assert times["happened"] == sorted({str(civil_date(moment)) for moment in moments})
        assert len(times["known"]) == len({e["recorded_at"] for e in entries})
    assert await ask("/v1/entities/91620100MA7LX0084G/event-times") == 404


# Effects


async def test_the_effect_on_a_profile_is_that_of_its_replay(ask: Asking) -> None:
    """Asked of one event, or read step by step in a replay: the same changes."""
    changed = 0
    for position in [entry["position"] for entry in await ask.trail()][::3]:
        steps = (await ask(f"{PATH}/replay?to_position={position}"))["steps"]
        changes = steps[-1]["changes"] if steps[-1]["position"] == position else []
        effects = (await ask(f"/v1/events/{position}/effects"))["effects"]
        found = [e["changes"] for e in effects if e["document"] == f"{PATH}/profile"]
        assert found == ([changes] if changes else []), position
        changed += bool(changes)
    assert changed > 5


async def test_an_event_is_told_with_every_document_that_it_changed(ask: Asking) -> None:
    """The grant of a repair changed its case; the penalty changed case, decision and statistics."""
    (granted,) = await ask.trail(type="repair.repair-granted")
    (case,) = (await ask(f"/v1/events/{granted['position']}/effects"))["effects"]
    assert case["document"] == "/v1/repair/cases/REP-2026-01"
    stage = {change["path"]: (change.get("before"), change["after"]) for change in case["changes"]}
    assert stage["/stage"] == ("accepted", "granted")
    (decided,) = await ask.trail(type="penalties.penalty-decided")
    effects = (await ask(f"/v1/events/{decided['position']}/effects"))["effects"]
    assert {"case", "decision", "violation-code"} <= {effect["kind"] for effect in effects}
    path = f"/v1/events/{decided['position']}/effects"
    assert faults_at(path, msgspec.json.encode(await ask(path))) == ()
    (corrected,) = await ask.trail(type="corrections.record-corrected")
    (effect,) = (await ask(f"/v1/events/{corrected['position']}/effects"))["effects"][-1:]
    (change,) = effect["changes"]
    assert change["path"] == f"/records/{RECORD}/title"
    assert change["after"].startswith(change["before"])


async def test_effects_are_for_those_who_see_the_event(
    ask: Asking, district_service: Service
) -> None:
    """For every person: 404 exactly where the event is; the public is told of no profile."""
    for who in ask.tokens:
        for position in range(1, district_service.recorder.head(), 61):
            event = await ask(f"/v1/events/{position}", who)
            effects = await ask(f"/v1/events/{position}/effects", who)
            assert (effects if isinstance(effects, int) else 200) == (
                event if isinstance(event, int) else 200
            ), (who, position)
            if who == "public" and not isinstance(effects, int):
                assert all(effect["kind"] != "entity" for effect in effects["effects"])


# What would be


async def test_what_would_be_stands_next_to_what_is(ask: Asking) -> None:
    """The two sides are the profile and the replay of the same assumptions; parts that differ."""
    answer = await ask(f"{PATH}/what-if?without={RECORD}&valid_as_of=2026-05-01")
    replayed = await ask(f"{PATH}/replay?without={RECORD}&valid_as_of=2026-05-01")
    assert answer["as_is"] == await ask(f"{PATH}/profile?valid_as_of=2026-05-01")
    assert answer["as_if"] == replayed["profile"]
    assert answer["left_out"] == replayed["left_out"] != []
    paths = {change["path"]: change for change in answer["differences"]}
    assert paths["/grade"] == {"path": "/grade", "before": "C", "after": "A"}
    assert RECORD not in str(answer["as_if"])
    same = await ask(f"{PATH}/what-if")
    assert (same["differences"], same["left_out"]) == ([], [])


async def test_another_version_of_a_policy_may_be_assumed(ask: Asking) -> None:
    """As if a version were still the newest; a policy or version that is not there is told."""
    path = "/v1/entities/91620100MA7LX2063R/what-if"
    answer = await ask(f"{path}?policy=dishonesty.regime@2&valid_as_of=2026-10-01")
    until = {
        change["path"]: (change["before"], change["after"])
        for change in answer["differences"]
        if change["path"].endswith("/max_until")
    }
    assert until == {"/records/CR-2026-03/publicity/max_until": ("2027-05-15", "2029-05-15")}
    assert await ask(f"{path}?policy=dishonesty.regime@99") == 404
    assert await ask(f"{path}?policy=dishonesty.regime") == 400


async def test_only_authorities_and_the_business_itself_ask_what_would_be(ask: Asking) -> None:
    """Like the replay."""
    path = f"{PATH}/what-if?without={RECORD}"
    statuses = {who: await ask(path, who) for who in ("public", "BANK", "Qingtian")}
    assert set(statuses.values()) == {403}
    assert (await ask(path, "Chunhe"))["entity"] == ENTITY
