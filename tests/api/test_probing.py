"""Errors tell nothing that GET hides: every command, sent with ids of what its sender may not know.

A command that names something hidden is answered as one that names what nobody has recorded: the
status, the problem, its words and headers are equal once the ids are. What is told all the same
stands in ``ledger.telling.TOLD``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from itertools import count
from typing import Any

import pytest
from msgspec import inspect
from msgspec.structs import replace

from api.http.commands import path_of
from api.http.front import EDGE
from api.http.probes import PROBES, Probes
from ledger.general.audiences import UNIT_BOUND, audiences_of_sender, knowers_of
from ledger.kernel import Actor, Command, Event, SubjectFold, codec
from ledger.kernel.events import Recorded
from ledger.kernel.folds import known_folds
from ledger.kernel.subjects import hideable, main_field, subject_fields
from ledger.registry import COMMANDS, Entry
from ledger.telling import TOLD
from tests import golden
from tests.cast import E_A, E_B, E_C
from tests.gwt import Record
from tests.scenarios.world import World

#: The sender's own unit and business; what is hidden is recorded by MRB, about E_A.
UNIT, BUSINESS = "EMB", E_B
#: They know what the units keep from each other.
KNOWING = {"jb_supervisor", "ledger_clock"}

#: Strings of which each pattern of an id takes one.
_CANDIDATES = (
    "X-1",
    "2026-05",
    "2026",
    "a",
    "0" * 64,
    "psn-" + "0" * 32,
    "person-7f3a9c21",
    "2026.MRB",
    "MRB:2026",
    "/body/reason",
    "task:T-1",
    "cap.general",
    "FIL-R1",
    "https://example.org/a",
    "91620100MA7LX0076M",
)


def least(info: inspect.Type) -> Any:
    """A small valid value of a type, as JSON has it."""
    match info:
        case inspect.Metadata():
            examples = (info.extra_json_schema or {}).get("examples")
            return examples[0] if examples else least(info.type)
        case inspect.StrType():
            fits = re.compile(info.pattern or "")
            size = info.min_length or 1
            words = (*_CANDIDATES, "x" * size)
            word = next((w for w in words if fits.search(w) and len(w) >= size), None)
            assert word is not None, f"no candidate fits {info.pattern}"
            return word
        case inspect.IntType():
            return max(1, info.ge or 1)
        case inspect.BoolType():
            return False
        case inspect.DateType():
            return "2026-05-11"
        case inspect.DateTimeType():
            return "2026-05-11T10:00:00+08:00"
        case inspect.LiteralType():
            return info.values[0]
        case inspect.VarTupleType() | inspect.ListType():
            return [least(info.item_type) for _ in range(info.min_length or 0)]
        case inspect.StructType():
            return {f.encode_name: least(f.type) for f in info.fields if f.required}
        case inspect.UnionType():
            return least(info.types[0])
        case inspect.DictType():
            return {}
    return "x"


def body_of(entry: Entry, role: str, taken: set[str]) -> dict[str, Any]:
    """A small body of a command: its subjects are the sender's own, and new where one was taken."""
    info = inspect.type_info(entry.command)
    assert isinstance(info, inspect.StructType)
    body = least(info)
    if role == "entity_rep" and "entity" in entry.command.__struct_fields__:
        body["entity"] = BUSINESS
    for field, kind in subject_fields(entry.command):
        if field in body:
            own = {"unit": UNIT, "entity": BUSINESS}.get(kind)
            body[field] = own or (_own_id(kind) if hideable(f"{kind}:") else body[field])
        if field in taken:
            body[field] = hidden_id(kind, next(_FRESH))
    return body | MORE.get(entry.name, {}) | MORE_BY.get((entry.name, role), {})


#: What some commands need beyond that, to come as far as what they name.
MORE: dict[str, dict[str, Any]] = {
    "approve-task": {
        "kind": "special",
        "trigger": "plan",
        "planned_on": "2026-09-30",
        "matters": [],
    },
    "enter-credit-record": {"kind": "penalty", "severity": "general"},
    "nullify-decision": {"kind": "revoked"},
    "receive-complaint": {"subject_unit": "MRB", "handled_by": "JB", "facts": "来了两个人"},
    "take-soft-measure": {"response_due": "2026-12-01"},
}
MORE_BY: dict[tuple[str, str], dict[str, Any]] = {
    ("receive-complaint", role): {"entity": BUSINESS, "anonymous": role != "entity_rep"}
    for role in ("entity_rep", "enforcement_officer", "park_committee")
}

_FRESH = count(6000)


def _own_id(kind: str) -> str:
    return hidden_id(kind, 9999)


@cache
def beginnings() -> dict[str, tuple[type[SubjectFold], Event]]:
    """For each fold about a hideable subject, by its name, an event that begins the subject."""
    begun = {}
    for fold in known_folds():
        fields = subject_fields(fold)
        if not (fold.__module__.startswith("ledger.") and issubclass(fold, SubjectFold) and fields):
            continue
        if not hideable(f"{fields[0][1]}:"):
            continue
        for topic, cls in golden.released_types().items():
            if topic.startswith("access."):
                continue  # of another ledger
            main = main_field(cls)
            if main is None or main[1] != fields[0][1]:
                continue
            record = codec.decode(1, golden.records(topic, cls.VERSION)[0])
            asked = fold(**{fields[0][0]: getattr(record.event, main[0])})
            # An event that only follows others finds its fold in no state to follow them.
            with suppress(AssertionError, LookupError, StopIteration, TypeError):
                asked.take(record)
            if asked.exists:
                begun.setdefault(fold.__name__, (fold, record.event))
    return begun


def named(event: Event, unit: str, entity: str, value: str) -> Event:
    """The same event about another subject, of this unit and business."""
    main = main_field(type(event))
    assert main is not None
    changed = {
        f: {"unit": unit, "entity": entity}[k]
        for f, k in subject_fields(type(event))
        if k in ("unit", "entity") and getattr(event, f) is not None
    }
    return replace(event, **changed, **{main[0]: value})


def places(command: type[Command]) -> Iterator[tuple[str, str, bool]]:
    """Field and kind of each hideable subject of a command; whether it is a tuple of them."""
    info = inspect.type_info(command)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        for kind in kinds:
            many = isinstance(kind, inspect.VarTupleType)
            each = kind.item_type if isinstance(kind, inspect.VarTupleType) else kind
            extra = (each.extra or {}) if isinstance(each, inspect.Metadata) else {}
            if "subject" in extra and hideable(f"{extra['subject']}:"):
                yield field.name, extra["subject"], many


#: How the ids of some kinds have to begin.
_PREFIXES = {
    "person": "psn-" + "0" * 28,
    "score": "2026.hid",
    "indicator": "2026.hid",
    "report": "2026-05.2.HID-",
}


def hidden_id(kind: str, number: int) -> str:
    """An id of a kind; all are of one length."""
    prefix = _PREFIXES.get(kind, "HID-")
    return f"{prefix}{number:04}"


class Probe:
    """A service with one hidden subject for each fold that asks about one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hidden: dict[str, list[tuple[str, Event]]] = {}
        #: The fields of a command that give an id to something new.
        self.taken: dict[str, set[str]] = {}
        create = world.service.tokens.create
        self.tokens = {
            role: create(
                "ENTITY" if role == "entity_rep" else UNIT,
                f"P-{role}",
                role,
                entity=BUSINESS if role == "entity_rep" else None,
            )
            for role in sorted({role for entry in COMMANDS for role in entry.roles} - KNOWING)
        }
        for number, (_, event) in enumerate(beginnings().values()):
            main = main_field(type(event))
            assert main is not None
            kind = main[1]
            value = hidden_id(kind, number)
            self._record("MRB", named(event, "MRB", E_A, value))
            self._record(UNIT, named(event, UNIT, BUSINESS, _own_id(kind)))
            self.hidden.setdefault(kind, []).append((value, event))

    def _record(self, unit: str, event: Event) -> None:
        actor = Actor(unit_id=unit, person_id=f"HEAD-{unit}", role="unit_head")
        self.world.service.ledger.execute(Record(facts=(event,)), actor)

    def hides(self, role: str, event: Event, value: str) -> bool:
        """Whether somebody of another unit and business may not know of a hidden subject."""
        entity = BUSINESS if role == "entity_rep" else None
        sender = audiences_of_sender(role, UNIT, f"P-{role}", entity)
        recorded = named(event, "MRB", E_A, value)
        actor = Actor(unit_id="MRB", person_id="HEAD-MRB", role="unit_head")
        envelope = replace(
            codec.decode(1, golden.records(event.TOPIC, event.VERSION)[0]).envelope,
            actor=actor,
            visibility=recorded.visibility(),
        )
        record = Recorded(1, envelope, recorded)
        return sender is not None and sender.isdisjoint(knowers_of(record, recorded.tags()))

    async def answer(self, entry: Entry, role: str, field: str, many: bool, value: str) -> str:
        """What a command is answered that names ``value``, without the value."""
        fields = dict(subject_fields(entry.command))
        while True:
            body = body_of(entry, role, self.taken.setdefault(entry.name, set()) - {field})
            body[field] = [value] if many else value
            answer = await self.send(entry, role, body)
            text = without(answer, value)
            # An id for something new cannot be one of the sender's own: take another.
            found = _TAKEN.search(json.dumps(answer, ensure_ascii=False))
            taken = {
                f for f, k in fields.items() if found and found[1] == k and found[2] == body.get(f)
            }
            if not taken - self.taken[entry.name] - {field}:
                return text
            self.taken[entry.name] |= taken - {field}

    async def send(self, entry: Entry, role: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a command is answered: status, headers, document."""
        response = await self.world.client.post(
            path_of(entry),
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[role]}", "X-Request-Id": "probe"},
        )
        headers = {k: v for k, v in response.headers.items() if k not in _ITS_OWN}
        return {
            "status": response.status,
            "headers": headers,
            "document": await response.json(),
        }


#: Headers that say when, and where the answer stands.
_ITS_OWN = {"Date", "X-Position", "Location", "Content-Length"}
_TAKEN = re.compile(r'"detail": "([a-z-]+) (\S+) is recorded already')
_FRESH_ID = re.compile(r"(?:hid|HID-)[6-8][0-9]{3}")
_POSITION_OR_TIME = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{16}|[0-9a-f-]{36}|\b[0-9]+\b|[0-9]{2}T[0-9:.]+"
)


def without(answer: dict[str, Any], value: str) -> str:
    """An answer with the id that was sent replaced, and what every new record has of its own."""
    text = json.dumps(answer, ensure_ascii=False, sort_keys=True)
    text = _FRESH_ID.sub("#", text.replace(value, "ID"))
    return _POSITION_OR_TIME.sub("#", text) if answer["status"] < 300 else text


def is_told(answer: str, kind: str) -> bool:
    """Whether an answer is one of the exceptions: the id of something new is taken."""
    taken = f'"detail": "{kind} ID is recorded already; take another id"'
    return "out-of-step" in TOLD and taken in answer and '"type": "/problems/out-of-step"' in answer


@pytest.fixture
async def probe(tmp_path: Any) -> Any:
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-09-24")
        world.client.app[EDGE].probes = Probes(most=1_000_000)
        yield Probe(world)


def roles_of(entry: Entry) -> list[str]:
    """The roles that send a command; of those who know what is their unit's, one."""
    of_units = sorted(entry.roles & UNIT_BOUND)
    chosen = "unit_head" if "unit_head" in of_units else next(iter(of_units), None)
    return sorted({*(entry.roles - KNOWING - UNIT_BOUND), *([chosen] if chosen else ())})


#: Fields that no answer says to be unknown: most give an id to something new; the others come
#: after checks that these small bodies do not pass, and are answered alike by then.
UNREACHED: set[tuple[str, str]] = {
    ("add-evidence", "evidence"),
    ("add-to-serious-list", "determination"),
    ("add-to-serious-list", "record"),
    ("announce-draw", "matters"),
    ("announce-review", "batch"),
    ("announce-review", "cases"),
    ("apply-for-reconsideration", "applicant"),
    ("apply-for-reconsideration", "matter"),
    ("apply-for-reconsideration", "recon"),
    ("approve-special-plan", "matters"),
    ("approve-task", "filing"),
    ("approve-task", "joint"),
    ("approve-task", "task"),
    ("decide-act", "decision"),
    ("decide-penalty", "decision"),
    ("delist-key-matter", "matter"),
    ("designate-key-unit", "matters"),
    ("determine-dishonesty", "determination"),
    ("determine-dishonesty", "record"),
    ("draw-review-batch", "batch"),
    ("draw-review-batch", "cases"),
    ("end-incentive", "record"),
    ("enter-credit-record", "record"),
    ("enter-credit-record", "task"),
    ("file-case", "case"),
    ("grant-observation", "observation"),
    ("list-matter", "matter"),
    ("make-commitment", "commitment"),
    ("notify-determination", "determination"),
    ("open-self-review", "batch"),
    ("open-self-review", "cases"),
    ("plan-joint", "joint"),
    ("raise-finding", "task"),
    ("receive-complaint", "complaint"),
    ("record-joint-visit", "matters_checked"),
    ("record-process-step", "evidence"),
    ("register-in-advance", "evidence"),
    ("register-webhook", "webhook"),
    ("report-irregular-visit", "irregular_visit"),
    ("report-irregular-visit", "matters"),
    ("report-prohibited-conduct", "task"),
    ("run-screening", "screening"),
    ("score-case-file", "case"),
    ("seal-av-record", "evidence"),
    ("seize-property", "evidence"),
    ("subscribe-feed", "subscription"),
    ("take-soft-measure", "soft_measure"),
}


async def test_a_hidden_subject_is_answered_as_an_unknown_one(probe: Probe) -> None:
    """For every command, every field that names a subject, and every role that may send it."""
    tried: set[tuple[str, str]] = set()
    reached: set[tuple[str, str]] = set()
    told = []
    for entry in COMMANDS:
        for field, kind, many in places(entry.command):
            for role in roles_of(entry):
                for value, event in probe.hidden.get(kind, ()):
                    if not probe.hides(role, event, value):
                        continue
                    tried.add((entry.name, field))
                    never = hidden_id(kind, next(_FRESH))
                    ask = partial(probe.answer, entry, role, field, many)
                    hidden, unknown = await ask(value), await ask(never)
                    if "unknown-reference" in unknown:
                        reached.add((entry.name, field))
                    if hidden != unknown and not is_told(hidden, kind):
                        # The first may have been recorded, and the second come upon it.
                        again = await ask(value)
                        if again != unknown:
                            told.append((entry.name, field, role, event.TOPIC, hidden, unknown))
    assert not told
    assert tried - reached == UNREACHED, "\n".join(map(str, sorted((tried - reached) ^ UNREACHED)))


class TestTooOften:
    """Who names too often what is not there has to wait, and cannot tell hidden from unknown."""

    @pytest.fixture
    async def world(self, tmp_path: Any) -> Any:
        async with World(tmp_path) as world:
            await world.given_region()
            world.at("2026-03-16")
            await world.send(
                "E-C",
                "complaints/receive-complaint",
                complaint="HIDDEN",
                entity=E_C,
                channel="web",
                subject_unit="MRB",
                facts="来了两个人",
                anonymous=False,
                handled_by="JB",
            )
            self.now = 0.0
            world.client.app[EDGE].probes = Probes(clock=lambda: self.now)
            yield world

    async def asked(self, world: World, who: str, complaint: str) -> tuple[int, str, Any]:
        """Status, Retry-After and document of an acknowledgement, the id taken out."""
        response = await world.client.post(
            "/v1/complaints/acknowledge-complaint",
            json={"complaint": complaint},
            headers={"Authorization": f"Bearer {world.tokens[who]}", "X-Request-Id": "r"},
        )
        document = json.loads((await response.text()).replace(complaint, "ID"))
        return response.status, response.headers.get("Retry-After", ""), document

    async def test_hidden_and_unknown_alike(self, world: World) -> None:
        """The same answers in the same order, for ids that are hidden and that nobody recorded."""
        told = []
        for who, complaint in (("MRB head", "HIDDEN"), ("EMB head", "NEVER")):
            told.append([await self.asked(world, who, complaint) for _ in range(PROBES + 5)])
        assert told[0] == told[1]
        assert [status for status, _, _ in told[0]] == [422] * PROBES + [429] * 5
        assert told[0][-1][1] == "2"
        assert "Nothing was recorded" in told[0][-1][2]["detail"]

    async def test_whatever_it_names_then(self, world: World) -> None:
        """Once paused, the sender's own valid commands wait too; another person's do not."""
        for _ in range(PROBES):
            await self.asked(world, "MRB head", "HIDDEN")
        again = world.service.tokens.create("MRB", "head-mrb", "unit_head")
        world.tokens["MRB head, another token"] = again
        for who in ("MRB head", "MRB head, another token"):
            assert (await self.asked(world, who, "HIDDEN"))[0] == 429
            assert (await self.asked(world, who, "ANY"))[0] == 429
        assert (await self.asked(world, "EMB head", "ANY"))[0] == 422
        self.now += 2
        assert (await self.asked(world, "MRB head", "ANY"))[0] == 422
        assert (await self.asked(world, "MRB head", "ANY"))[0] == 429

    async def test_ids_that_are_taken(self, world: World) -> None:
        """Trying which ids are taken is probing as well."""
        headers = {"Authorization": f"Bearer {world.tokens['E-A']}"}
        body = {"channel": "web", "subject_unit": "MRB", "facts": "x", "handled_by": "JB",
                "anonymous": False, "complaint": "HIDDEN", "entity": E_A}  # fmt: skip
        statuses = []
        for _ in range(PROBES + 1):
            answer = await world.client.post(
                "/v1/complaints/receive-complaint", json=body, headers=headers
            )
            statuses.append(answer.status)
        assert statuses == [409] * PROBES + [429]

    async def test_rules_that_tell(self, world: World) -> None:
        """A refusal because of what its sender may not read costs a probe, and no other."""
        await world.given_matter("M-DRAFT", published=None, listed="2026-03-16")
        elements = world.elements("检查事项 M-DRAFT")
        body = {"matter": "M-9", "unit": "EMB", "elements": elements}
        headers = {"Authorization": f"Bearer {world.tokens['EMB head']}"}

        async def status(**changed: Any) -> int:
            answer = await world.client.post(
                "/v1/catalogue/list-matter", json={**body, **changed}, headers=headers
            )
            return answer.status

        without = {"elements": {**elements, "bases": []}}
        assert {await status(**without) for _ in range(PROBES + 1)} == {422}
        assert [await status() for _ in range(PROBES + 1)] == [422] * PROBES + [429]

    async def test_taken_down_and_counted(self, world: World) -> None:
        """One line in the access ledger for each pause, and two numbers for operators."""
        for _ in range(PROBES + 4):
            await self.asked(world, "MRB head", "HIDDEN")
        found = await world.get("JB", "/v1/access", kind="unknown", limit=500)
        kinds = [item["type"] for item in found["items"]]
        assert kinds == ["access.reference-unknown"] * PROBES + ["access.sender-paused"]
        assert found["items"][-1]["body"] == {"unit": "MRB", "named": PROBES}
        world.tokens["op"] = world.service.tokens.create("IT", "OP-1", "operator")
        headers = {"Authorization": f"Bearer {world.tokens['op']}"}
        numbers = await (await world.client.get("/metrics", headers=headers)).text()
        assert f"probes_total {PROBES}.0" in numbers
        assert "probes_refused_total 4.0" in numbers


def test_senders_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many senders there are, memory is bounded, and nobody who has to wait is let off."""
    monkeypatch.setattr("api.http.probes.MAX_SENDERS", 10)
    now = 0.0
    probes = Probes(most=2, clock=lambda: now)
    assert [probes.spend("A"), probes.spend("A")] == [None, 2]
    now = 40.0
    for n in range(50):
        probes.spend(f"S-{n}")
        now += 31
        probes.spend("A")
    assert len(probes._senders) <= 11
