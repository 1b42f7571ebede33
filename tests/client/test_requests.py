"""Commands, lists and documents: typed answers, problems as exceptions, repeats with one key."""

from __future__ import annotations

import threading
import time
from datetime import date
from pathlib import Path
from typing import Any, get_args

import httpx
import msgspec
import pytest

from api.feed.events import ShownEvent
from api.feed.resource import CloudEvent, FeedPage
from api.http.openapi import Answer
from api.http.problems import KINDS
from ledger.kernel import Actor
from ledger.systems.entities.events import Identity
from ledger.systems.sharing.events import RemovalNotified
from ledger.systems.sharing.folds import Removal
from projections.profiles.document import ShownProfile
from supervision_ledger_client import (
    Forbidden,
    KeyReused,
    Ledger,
    Malformed,
    NotFound,
    OutcomeUnknown,
    OutOfStep,
    Problem,
    RuleRefused,
    TooCostly,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unreachable,
    client,
    problems,
    today,
    types,
)
from supervision_ledger_client.testing import BUSINESSES
from tests.serving import SECONDS, Served

ENTITY = next(iter(BUSINESSES))


def business(number: int) -> dict[str, Any]:
    """The body of a registration."""
    return {"entity": f"register:{number}", "identity": {"name": "行"}}


class TestAgainstTheService:
    """What a real process answers."""

    def test_a_command_and_its_repeat(self, office: Ledger) -> None:
        """The answer has the events; the same key gives the first answer."""
        first = office.send("entities/register-entity", business(2001), key="k-2001")
        assert not first.repeated
        (event,) = first.events
        assert event.type == "entities.entity-registered"
        assert (event.actor.unit_id, event.position) == ("EDB", first.position)
        assert event.body["identity"]["name"] == "行"
        again = office.send("entities/register-entity", business(2001), key="k-2001")
        assert again.repeated
        assert again.events == first.events
        assert office.event(first.position) == event
        with pytest.raises(KeyReused):
            office.send("entities/register-entity", business(2002), key="k-2001")

    def test_a_key_is_made(self, office: Ledger) -> None:
        """Each call is a command of its own."""
        office.send("entities/register-entity", business(2003))
        with pytest.raises(Problem) as refused:
            office.send("entities/register-entity", business(2003))
        assert refused.value.key
        assert not isinstance(refused.value, KeyReused)

    def test_refusals(self, served: Served, bank: Ledger, office: Ledger) -> None:
        """A class for each kind, with what programs decide by."""
        with pytest.raises(Malformed) as malformed:
            office.send("entities/register-entity", {"entity": 5})
        assert malformed.value.pointer
        assert malformed.value.status == 400
        body = {"subscription": "SUB-7", "unit": "BANK", "filters": {}}
        with pytest.raises(RuleRefused) as refused:
            bank.send("sharing/subscribe-feed", body)
        assert refused.value.rule_id == "SHR-R1"
        assert refused.value.fix_hint
        assert refused.value.legal_source
        assert refused.value.request_id
        with pytest.raises(NotFound):
            office.event(10**6)
        with pytest.raises(Forbidden):
            bank.send("entities/register-entity", business(1))
        with Ledger(served.address, "slt_wrong") as stranger, pytest.raises(Unauthenticated):
            stranger.profile(ENTITY)

    def test_a_profile(self, office: Ledger) -> None:
        """Typed as far as integrators use it, and everything else in ``raw``."""
        profile = office.profile(ENTITY, at_least=office.feed(limit=1).head)
        assert profile.entity == ENTITY
        assert profile.identity.name == BUSINESSES[ENTITY]
        assert profile.raw["identity"]["name"] == BUSINESSES[ENTITY]
        assert (profile.registered, profile.records) == (True, ())
        past = office.profile(ENTITY, valid_as_of=today())
        assert past.entity == ENTITY

    def test_lists_are_read_to_their_end(self, office: Ledger) -> None:
        """Page by page, each entry once."""
        head = office.feed(limit=1).head
        every = list(office.items("/v1/entities", dict[str, Any], limit=500, at_least=head))
        paged = list(office.items("/v1/entities", dict[str, Any], limit=2, at_least=head))
        assert paged == every
        assert {row["entity"] for row in every} >= BUSINESSES.keys()
        pages = list(office.pages("/v1/entities", dict[str, Any], limit=2))
        assert len(pages) == (len(every) + 1) // 2

    def test_removals_are_confirmed_once(self, served: Served, bank: Ledger) -> None:
        """Also if the program sends its confirmation again."""
        served.given(
            RemovalNotified(
                removal="RMV-1",
                subscription="SUB-1",
                unit="BANK",
                entity=ENTITY,
                record="CR-1",
                determined_by="MRB",
                reason="repaired",
                ended_on=date(2026, 4, 20),
            )
        )
        today = None
        deadline = time.monotonic() + SECONDS
        while not (owed := list(bank.removals())):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (removal,) = owed
        assert (removal.removal, removal.record, removal.entity) == ("RMV-1", "CR-1", ENTITY)
        today = removal.notified_on
        assert today is not None
        first = bank.acknowledge_removal("RMV-1", today)
        again = bank.acknowledge_removal("RMV-1", today)
        assert (first.repeated, again.repeated) == (False, True)
        assert again.events == first.events
        with pytest.raises(OutOfStep):
            bank.send("sharing/acknowledge-removal", {"removal": "RMV-1", "removed_on": today})
        deadline = time.monotonic() + SECONDS
        while list(bank.removals()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert [each.removal for each in bank.removals(done=True)] == ["RMV-1"]

    def test_a_service_that_dies_meanwhile(self, tmp_path: Path) -> None:
        """Commands sent while it is killed and started again are each recorded once."""
        with Served(tmp_path, "--quiet") as service:
            token = service.token("EDB", "EDB-1", "credit_officer")
            sent: list[int] = []

            def send() -> None:
                with Ledger(service.address, token) as office:
                    sent.extend(
                        office.send("entities/register-entity", business(number)).position
                        for number in range(150)
                    )

            sending = threading.Thread(target=send)
            sending.start()
            for mark in (30, 80):
                deadline = time.monotonic() + SECONDS
                while len(sent) < mark:
                    assert time.monotonic() < deadline
                    time.sleep(0.005)
                service.kill()
                service.start()
            sending.join(SECONDS)
            assert len(sent) == len(set(sent)) == 150
            with Ledger(service.address) as reader:
                page = reader.feed(types=["entities.*"], limit=1000)
            assert [event.position for event in page.events] == sent


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client makes, without waiting for them."""
    pauses: list[float] = []
    monkeypatch.setattr(client.time, "sleep", pauses.append)
    return pauses


def answering(*answers: httpx.Response | Exception) -> tuple[Ledger, list[httpx.Request]]:
    """A client that gets these answers, one after another, and what it sent."""
    waiting, seen = list(answers), []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Ledger("https://ledger.example", transport=httpx.MockTransport(handle)), seen


def problem(kind: str, status: int, **headers: str) -> httpx.Response:
    """A problem document."""
    body = {"type": f"/problems/{kind}", "title": "t", "status": status, "detail": "d"}
    return httpx.Response(status, json=body, headers=headers)


DONE = httpx.Response(201, json={"position": 5, "events": [], "repeated": False})


class TestRepeats:
    """When a request is sent again, and when not."""

    @pytest.mark.parametrize(
        "trouble",
        [
            problem("unavailable", 503, **{"Retry-After": "7"}),
            problem("outcome-unknown", 503, **{"Retry-After": "7"}),
            problem("unfinished", 503, **{"Retry-After": "7"}),
            httpx.Response(502, text="bad gateway", headers={"Retry-After": "7"}),
            httpx.ReadError("lost"),
            httpx.ConnectTimeout("late"),
        ],
    )
    def test_with_the_same_key(self, quick: list[float], trouble: httpx.Response) -> None:
        """After the time that the service asks for, and never earlier."""
        ledger, seen = answering(trouble, trouble, DONE)
        assert ledger.send("filing/approve-task", {"task": "T"}).position == 5
        assert len({request.headers["Idempotency-Key"] for request in seen}) == 1
        assert len({request.content for request in seen}) == 1
        assert len(quick) == 2
        if isinstance(trouble, httpx.Response):
            assert all(pause >= 7 for pause in quick)

    @pytest.mark.parametrize(
        ("kind", "status", "raised"),
        [
            ("too-costly", 503, TooCostly),
            ("too-many-requests", 429, TooManyRequests),
            ("rule-refused", 422, RuleRefused),
            ("internal", 500, Problem),
        ],
    )
    def test_not_what_would_be_refused_again(
        self, quick: list[float], kind: str, status: int, raised: type[Problem]
    ) -> None:
        """The caller decides; ``retry_after`` says when it may be worth it."""
        ledger, seen = answering(problem(kind, status, **{"Retry-After": "42"}))
        with pytest.raises(raised) as refused:
            ledger.send("filing/approve-task", {})
        assert type(refused.value) is raised
        assert (refused.value.retry_after, len(seen), quick) == (42.0, 1, [])

    @pytest.mark.parametrize(
        ("trouble", "raised"),
        [(problem("outcome-unknown", 503), OutcomeUnknown), (httpx.ReadError("x"), Unreachable)],
    )
    def test_until_patience_ends(self, trouble: Any, raised: type[Any]) -> None:
        """The error names the key, so that the caller can find out later."""
        ledger, seen = answering(*[trouble] * 50)
        ledger._patience = 0.3
        with pytest.raises(raised) as error:
            ledger.send("filing/approve-task", {})
        assert error.value.key == seen[0].headers["Idempotency-Key"]
        assert 1 < len(seen) < 10

    def test_a_subscription_waits_for_the_next_minute(self, quick: list[float]) -> None:
        """Other clients of the same address may have used up its reads of this minute."""
        ledger, seen = answering(
            problem("too-many-requests", 429, **{"Retry-After": "42"}),
            problem("forbidden", 403),
        )
        with pytest.raises(Forbidden):
            next(ledger.subscribe())
        assert len(seen) == 2
        assert all(pause >= 42 for pause in quick)
        assert quick

    def test_not_an_address_that_cannot_work(self, quick: list[float]) -> None:
        """A subscription would wait for ever."""
        with Ledger("ftp://ledger.example") as ledger, pytest.raises(httpx.UnsupportedProtocol):
            next(ledger.subscribe())
        assert quick == []


def test_the_types_are_those_of_the_service() -> None:
    """Every field that the client names is one that the service has, of a type that fits."""
    pairs = [
        (types.Event, CloudEvent),
        (types.FeedPage, FeedPage),
        (types.RecordedEvent, ShownEvent),
        (types.Actor, Actor),
        (types.Profile, ShownProfile),
        (types.Identity, Identity),
        (types.Removal, Removal),
        (types.Recorded, Answer),
    ]
    # What the client adds, and what only later versions of the service have.
    ours = {"raw", "dataschema"}
    for client_type, service_type in pairs:
        names = {field.encode_name for field in msgspec.structs.fields(client_type)} - ours
        served = {field.encode_name for field in msgspec.structs.fields(service_type)}
        assert names <= served, client_type
    records = next(f for f in msgspec.structs.fields(ShownProfile) if f.name == "records")
    (record,) = get_args(records.type)
    served = {field.encode_name for field in msgspec.structs.fields(record)}
    assert set(types.ProfileRecord.__struct_fields__) <= served


def test_every_kind_of_the_service_has_a_class() -> None:
    """Those that say no more than their status excepted; the names are the service's."""
    ours = {kind.name for kind in Problem.__subclasses__()}
    plain = {
        "method-not-allowed", "not-acceptable", "timed-out", "too-large", "uri-too-long",
        "unsupported-media-type", "unsupported-encoding", "unsupported-file",
        "range-not-satisfiable", "expectation-failed", "headers-too-large", "out-of-room",
        "internal",
    }  # fmt: skip
    assert ours | plain == KINDS.keys()
    assert not ours & plain


@pytest.mark.parametrize(
    ("body", "status", "raised"),
    [
        (b"<html>", 503, Unavailable),
        (b"[]", 504, Unavailable),
        (b'{"type": 5}', 418, Problem),
        (b"", 401, Problem),
        (msgspec.json.encode({"type": "/problems/of-tomorrow", "code": "x"}), 409, Problem),
    ],
)
def test_an_answer_of_another_form(body: bytes, status: int, raised: type[Problem]) -> None:
    """A proxy answers in its own way, a later version with kinds of its own."""
    error = problems.problem_of(httpx.Response(status, content=body))
    assert type(error) is raised
    assert (error.status, error.body) == (status, body)


def test_members_that_a_later_service_adds() -> None:
    """They are read where they have a name here, and in ``body`` otherwise."""
    document = {
        "type": "/problems/malformed", "title": "t", "status": 400, "detail": "d", "code": "c",
        "errors": [{"pointer": "/a", "detail": "x"}], "more": 1,
    }  # fmt: skip
    error = problems.problem_of(httpx.Response(400, json=document))
    assert isinstance(error, Malformed)
    assert (error.code, error.errors) == ("c", document["errors"])
    assert msgspec.json.decode(error.body) == document
