"""Commands over HTTP: what is answered, what is recorded, who may send."""

from __future__ import annotations

import asyncio
import io
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from api.http.commands import MAX_BODY_BYTES
from ledger.kernel import Ledger
from ledger.kernel import sequencer as sequencer_module
from tests.api import specimen
from tests.api.conftest import Face, until


async def test_recorded(face: Face) -> None:
    """A command that records answers 201 with its events, and says where they are."""
    answer = await face.post("note-thing", {"thing": "T-1", "times": 2})
    body = await answer.json()
    assert answer.status == 201
    assert body["position"] == 2
    assert not body["repeated"]
    assert [e["position"] for e in body["events"]] == [1, 2]
    assert body["events"][0]["type"] == "specimen.thing-noted"
    assert body["events"][0]["body"] == {"thing": "T-1"}
    assert body["events"][0]["actor"] == {
        "unit_id": "JB",
        "person_id": "P-JB",
        "role": "jb_supervisor",
    }
    assert answer.headers["Location"] == "/v1/events/1"
    assert answer.headers["X-Position"] == "2"


async def test_answer_equals_the_event(face: Face) -> None:
    """What a command answers of an event is what GET answers of it."""
    answered = (await (await face.post("note-thing", {"thing": "T-1"})).json())["events"][0]
    got = await face.get("/v1/events/1", face.jb)
    assert await got.json() == answered
    assert got.headers["ETag"] == '"1"'


async def test_nothing_to_record(face: Face) -> None:
    """A command that finds its wish fulfilled answers 200 with the head and no events."""
    await face.post("lock-thing", {"thing": "T-1"})
    answer = await face.post("lock-thing", {"thing": "T-1"})
    assert answer.status == 200
    assert await answer.json() == {"position": 1, "events": [], "repeated": False}
    assert "Location" not in answer.headers


async def test_durable_before_answered(face: Face) -> None:
    """When the answer arrives, another connection to the store sees the event."""
    from ledger.stores.sqlite import SQLiteRecorder

    position = await face.note()
    with SQLiteRecorder(face.ledger.recorder.path) as other:  # type: ignore[attr-defined]
        assert other.head() == position


class TestIdempotency:
    """``Idempotency-Key``: a request may be sent again safely."""

    async def test_repeat(self, face: Face) -> None:
        """The same key and request are answered with the first result; nothing is recorded."""
        headers = {"Idempotency-Key": "k 1"}
        first = await face.post("note-thing", {"thing": "T-1", "times": 3}, headers=headers)
        await face.note("T-2")
        again = await face.post("note-thing", {"thing": "T-1", "times": 3}, headers=headers)
        assert (first.status, again.status) == (201, 200)
        one, two = await first.json(), await again.json()
        assert two == {**one, "repeated": True}
        assert again.headers["X-Position"] == "3"
        assert face.head() == 4

    async def test_concurrent_repeats(self, face: Face) -> None:
        """Of twenty simultaneous sendings one records and all get the same events."""
        headers = {"Idempotency-Key": "k"}
        answers = await asyncio.gather(
            *(face.post("note-thing", {"thing": "T-1"}, headers=headers) for _ in range(20))
        )
        bodies = [await a.json() for a in answers]
        assert sorted(a.status for a in answers) == [200] * 19 + [201]
        assert len({b["events"][0]["event_id"] for b in bodies}) == 1
        assert face.head() == 1

    async def test_other_request(self, face: Face) -> None:
        """The same key with another request is refused."""
        headers = {"Idempotency-Key": "k"}
        await face.post("note-thing", {"thing": "T-1"}, headers=headers)
        answer = await face.post("note-thing", {"thing": "T-2"}, headers=headers)
        assert answer.status == 422
        assert (await answer.json())["type"] == "/problems/key-reused"
        assert face.head() == 1

    async def test_nothing_recorded(self, face: Face) -> None:
        """A request that recorded nothing uses its key up too, and is answered the same again."""
        headers = {"Idempotency-Key": "k"}
        await face.post("lock-thing", {"thing": "T-1"})
        first = await face.post("lock-thing", {"thing": "T-1"}, headers=headers)
        await face.note("T-2")
        again = await face.post("lock-thing", {"thing": "T-1"}, headers=headers)
        assert (first.status, again.status) == (200, 200)
        assert await again.json() == {**await first.json(), "repeated": True}
        for name, body in (("note-thing", {"thing": "T-3"}), ("lock-thing", {"thing": "T-3"})):
            answer = await face.post(name, body, headers=headers)
            assert answer.status == 422
            assert (await answer.json())["type"] == "/problems/key-reused"
        assert face.head() == 2

    async def test_refused(self, face: Face) -> None:
        """A refusal leaves the key free: the request may be mended and sent under it again."""
        await face.post("lock-thing", {"thing": "T-1"})
        headers = {"Idempotency-Key": "k"}
        refused = await face.post("note-thing", {"thing": "T-1"}, headers=headers)
        assert (await refused.json())["type"] == "/problems/rule-refused"
        mended = await face.post("note-thing", {"thing": "T-2"}, headers=headers)
        assert mended.status == 201

    async def test_other_command(self, face: Face) -> None:
        """The same key with another command of the same fields is refused too."""
        headers = {"Idempotency-Key": "k"}
        await face.post("note-thing", {"thing": "T-1"}, headers=headers)
        assert (await face.post("lock-thing", {"thing": "T-1"}, headers=headers)).status == 422

    async def test_other_actor(self, face: Face) -> None:
        """Two senders who take the same key do not meet."""
        headers = {"Idempotency-Key": "k"}
        one = await face.post("note-thing", {"thing": "T-1"}, headers=headers)
        two = await face.post("note-thing", {"thing": "T-2"}, face.mrb, headers=headers)
        assert (one.status, two.status) == (201, 201)

    async def test_fresh_without(self, face: Face) -> None:
        """Without a key the same request records again."""
        await face.note()
        assert await face.note() == 2

    @pytest.mark.parametrize("key", ["", "é", "a" * 256, "a\tb"])
    async def test_bad_key(self, face: Face, key: str) -> None:
        """A key that is empty, too long or not printable ASCII is refused."""
        answer = await face.post("note-thing", {"thing": "T-1"}, headers={"Idempotency-Key": key})
        assert answer.status == 400
        assert face.head() == 0

    async def test_longest_key(self, face: Face) -> None:
        """A key of 255 printable characters is taken."""
        headers = {"Idempotency-Key": "~" * 255}
        assert (await face.post("note-thing", {"thing": "T"}, headers=headers)).status == 201


_BAD_BODIES: dict[str, tuple[bytes, str | None, str]] = {
    "empty": (b"", "", "one JSON object"),
    "cut short": (b'{"thing":"T-1"', "", "one JSON object"),
    "not JSON": (b"thing=T-1", "", "one JSON object"),
    "trailing": (b'{"thing":"T-1"} {}', "", "one JSON object"),
    "NaN": (b'{"thing":"T-1","amount":NaN}', "", "one JSON object"),
    "array": (b"[]", "", "object"),
    "null": (b"null", "", "object"),
    "not UTF-8": (b'{"thing":"T-1","note":"\xff"}', None, "UTF-8"),
    "key not UTF-8": (b'{"thing":"T-1","extra":{"\xff":1}}', None, "UTF-8"),
    "lone surrogate": (b'{"thing":"T-1","note":"\\ud800"}', "", "JSON"),
    "missing field": (b"{}", "/thing", "missing"),
    "unknown field": (b'{"thing":"T-1","colour":1}', "/colour", "allowed: "),
    "wrong type": (b'{"thing":1}', "/thing", "str"),
    "number as text": (b'{"thing":"T-1","amount":"1"}', "/amount", "int"),
    "fraction": (b'{"thing":"T-1","amount":1.5}', "/amount", "int"),
    "pattern": (b'{"thing":"T 1"}', "/thing", "written like 'T-1'"),
    "out of bounds": (b'{"thing":"T-1","times":101}', "/times", "100"),
    "no such day": (b'{"thing":"T-1","on":"2026-02-30"}', "/on", "a day that exists"),
    "day as number": (b'{"thing":"T-1","on":20260230}', "/on", "date"),
    "no offset": (b'{"thing":"T-1","occurred_at":"2026-01-01T00:00:00"}', "/occurred_at", "offset"),
    "no such hour": (
        b'{"thing":"T-1","occurred_at":"2026-01-01T25:00:00Z"}',
        "/occurred_at",
        "existing moment",
    ),
    "the future": (
        b'{"thing":"T-1","occurred_at":"2126-01-01T00:00:00Z"}',
        "/occurred_at",
        "future",
    ),
    "nested choice": (
        b'{"thing":"T-1","parts":[{"colour":"red"},{"colour":"blue"}]}',
        "/parts/1/colour",
        "'red'",
    ),
    "nested unknown": (
        b'{"thing":"T-1","parts":[{"colour":"red","size":1}]}',
        "/parts/0/size",
        "weight",
    ),
    "check character": (
        b'{"thing":"T-1","entity":"91620100MA7LX0017K"}',
        "/entity",
        "91620100MA7LX0017 ends in J",
    ),
    "pointer escapes": (b'{"thing":"T-1","a/b~c":1}', "/a~1b~0c", "unknown"),
    "repeated key": (b'{"thing":"T-1","thing":"T-2"}', None, "twice"),
    "repeated key below": (b'{"thing":"T-1","extra":{"a":1,"a":2}}', None, "twice"),
    "repeated key escaped": (b'{"thing":"T-1","extra":{"a":1,"\\u0061":2}}', None, "twice"),
    "beyond 64 bits": (
        b'{"thing":"T-1","amount":9223372036854775808}',
        "/amount",
        "9223372036854775807",
    ),
    "beyond 64 bits below": (
        b'{"thing":"T-1","extra":[1,' + b"9" * 40 + b"]}",
        "/extra/1",
        "whole number",
    ),
    "beyond floats": (b'{"thing":"T-1","extra":1e999}', "/extra", "range"),
    "too deep": (b'{"thing":"T-1","extra":' + b"[" * 5000 + b"]" * 5000 + b"}", "", "deep"),
    "a little too deep": (b'{"thing":"T-1","extra":' + b"[" * 65 + b"]" * 65 + b"}", "", "deep"),
    "too large to store": (b'{"thing":"T-1","note":"' + b"x" * 70_000 + b'"}', "", "60000"),
    "legal reference": (
        b'{"thing":"T-1","legal_basis":[{"article":"1"}]}',
        "/legal_basis/0/instrument",
        "missing",
    ),
}


@pytest.mark.parametrize("case", _BAD_BODIES)
async def test_malformed(face: Face, case: str) -> None:
    """A body that cannot be understood is a 400 that says where and what; the head stays."""
    body, pointer, text = _BAD_BODIES[case]
    await face.note("before")
    answer = await face.post("note-thing", data=body, headers={"Content-Type": "application/json"})
    problem = await answer.json()
    assert answer.status == 400, problem
    assert answer.content_type == "application/problem+json"
    assert problem["type"] == "/problems/malformed"
    assert problem.get("pointer") == pointer
    assert text in problem["detail"]
    assert face.head() == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"thing":"T-1","parts":[{"colour":"red"},{"colour":"red"}]}',
        b'{"thing":"T-1","note":"\\"thing\\": \\\\"}',
        b'{"thing":"T-1","note":"9999999999999999999999"}',
        '{"thing":"T-1","note":"现场检查\u0000"}'.encode().replace(b"\x00", b"\\u0000"),
        b'{ "thing" : "T-1" , "amount" : -9223372036854775808 }',
    ],
)
async def test_looks_bad_and_is_not(face: Face, body: bytes) -> None:
    """Keys shared by the objects of a list, and keys and numbers inside texts, are no faults."""
    answer = await face.post("note-thing", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 201, await answer.text()


async def test_extreme_moment(face: Face) -> None:
    """A moment at the edge of the calendar is recorded or refused, never a fault."""
    for moment in ("0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"):
        answer = await face.post("note-thing", {"thing": "T", "occurred_at": moment})
        assert answer.status in {201, 400}


class TestBody:
    """Bodies: their type and their size."""

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=gbk"],
    )
    async def test_other_types(self, face: Face, content_type: str) -> None:
        """Another content type than JSON in UTF-8 is a 415."""
        answer = await face.post(
            "note-thing", data=b'{"thing":"T-1"}', headers={"Content-Type": content_type}
        )
        assert answer.status == 415
        assert (await answer.json())["type"] == "/problems/unsupported-media-type"
        assert face.head() == 0

    @pytest.mark.parametrize(
        "content_type",
        ["application/json; charset=UTF-8", "Application/JSON", "application/x+json"],
    )
    async def test_json_types(self, face: Face, content_type: str) -> None:
        """JSON is recognised however its type is written."""
        answer = await face.post(
            "note-thing", data=b'{"thing":"T-1"}', headers={"Content-Type": content_type}
        )
        assert answer.status == 201

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_too_large(self, face: Face, chunked: bool) -> None:
        """A body of more than 1 MiB is a 413, whether its length is announced or not."""
        data = b'{"thing":"T-1","note":"' + b"x" * MAX_BODY_BYTES + b'"}'

        async def pieces() -> Any:
            yield data

        answer = await face.post(
            "note-thing",
            data=pieces() if chunked else io.BytesIO(data),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status == 413
        assert (await answer.json())["type"] == "/problems/too-large"
        assert face.head() == 0


class TestAnswers:
    """What a command may answer instead of events."""

    async def test_refusal(self, face: Face) -> None:
        """A refusal is a 422 with the rule, the law and the way out."""
        await face.post("lock-thing", {"thing": "T-1"})
        answer = await face.post("note-thing", {"thing": "T-1"})
        assert answer.status == 422
        problem = await answer.json()
        del problem["request_id"]
        assert problem == {
            "type": "/problems/rule-refused",
            "title": "A rule refuses this",
            "status": 422,
            "detail": "thing T-1 is locked since position 1",
            "instance": "/v1/specimen/note-thing",
            "rule_id": "TST-R1",
            "code": "TST-R1",
            "message": "thing T-1 is locked since position 1",
            "legal_source": "Specimen Act Art 1",
            "policy_key": None,
            "policy_version": None,
            "fix_hint": "Note another thing than T-1.",
            "details": {"thing": "T-1", "since": 1},
        }

    @pytest.mark.parametrize(
        ("error", "status", "kind"),
        [
            ("forbidden", 403, "forbidden"),
            ("unknown", 422, "unknown-reference"),
            ("step", 409, "out-of-step"),
            ("unavailable", 503, "unavailable"),
        ],
    )
    async def test_not_recorded(self, face: Face, error: str, status: int, kind: str) -> None:
        """Each answer of the ledger has its status and its type; nothing is recorded."""
        answer = await face.post("ask-nothing", {"error": error})
        assert answer.status == status
        problem = await answer.json()
        assert problem["type"] == f"/problems/{kind}"
        assert ("Retry-After" in answer.headers) == (status == 503)
        assert face.head() == 0
        if kind == "unknown-reference":
            assert (problem["kind"], problem["id"], problem["fix_hint"]) == (
                "plan",
                "P-1",
                "File it first.",
            )

    async def test_fault(self, face: Face) -> None:
        """A fault of the program is a 500 with the request id and nothing of its inside."""
        answer = await face.post("fail", {}, headers={"X-Request-Id": "find-me"})
        assert answer.status == 500
        text = await answer.text()
        assert "secret" not in text
        assert "find-me" in text

    async def test_full_queue(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """When too many commands wait, the next is a 503 with Retry-After, and none is lost."""
        monkeypatch.setattr(sequencer_module, "MAX_WAITING", 3)
        specimen.released.clear()
        try:
            sent = [asyncio.create_task(face.post("hold", {})) for _ in range(2)]
            await until(lambda: face.ledger.waiting <= 1)
            sent += [
                asyncio.create_task(face.post("note-thing", {"thing": f"T-{n}"})) for n in range(12)
            ]
            await until(lambda: sum(t.done() for t in sent) >= 8)
        finally:
            specimen.released.set()
        answers = await asyncio.gather(*sent)
        turned_away = [a for a in answers if a.status == 503]
        assert turned_away
        assert all(a.headers["Retry-After"] == "1" for a in turned_away)
        assert {a.status for a in answers} <= {200, 201, 503}
        assert face.head() == sum(a.status == 201 for a in answers)

    async def test_closed_ledger(self, face: Face, ledger: Ledger) -> None:
        """A ledger that shuts down turns commands away with 503."""
        await asyncio.to_thread(ledger.close)
        assert (await face.post("note-thing", {"thing": "T-1"})).status == 503

    async def test_one_failure_costs_the_others_nothing(self, face: Face) -> None:
        """Commands sent at once are each answered by themselves."""
        bodies = [("note-thing", {"thing": f"T-{n}"}) if n % 2 else ("fail", {}) for n in range(40)]
        with capture_logs():
            answers = await asyncio.gather(*(face.post(name, body) for name, body in bodies))
        assert [a.status for a in answers] == [201 if n % 2 else 500 for n in range(40)]
        assert face.head() == 20


class TestWho:
    """Who may send a command."""

    async def test_no_token(self, face: Face) -> None:
        """Without a token a command is a 401 that names the scheme."""
        answer = await face.post("note-thing", {"thing": "T-1"}, None)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert face.head() == 0

    @pytest.mark.parametrize(
        "header", ["Bearer slt_unknown", "Bearer", "Basic abc", "Bearer a b", "Bearer " + "x" * 500]
    )
    async def test_bad_token(self, face: Face, header: str) -> None:
        """A token that is unknown or misshapen is a 401, on reads too."""
        headers = {"Authorization": header}
        assert (await face.post("note-thing", {"thing": "T"}, None, headers=headers)).status == 401
        assert (await face.client.get("/v1/feed", headers=headers)).status == 401

    async def test_two_tokens(self, face: Face) -> None:
        """Whose request it is must not depend on which of two headers somebody looks at."""
        both = [("Authorization", f"Bearer {token}") for token in (face.mrb, face.jb)]
        answer = await face.client.get("/v1/feed", headers=both)
        assert answer.status == 401
        assert "one Authorization header" in (await answer.json())["detail"]

    async def test_role(self, face: Face) -> None:
        """A role that the table does not name is a 403 that names those it does."""
        answer = await face.post("lock-thing", {"thing": "T-1"}, face.mrb)
        assert answer.status == 403
        assert "jb_supervisor" in (await answer.json())["detail"]
        assert face.head() == 0

    async def test_own_unit(self, face: Face) -> None:
        """A unit's officer cannot name another unit; roles across units can."""
        other = await face.post("note-thing", {"thing": "T-1", "unit": "EDB"}, face.mrb)
        own = await face.post("note-thing", {"thing": "T-1", "unit": "MRB"}, face.mrb)
        none = await face.post("note-thing", {"thing": "T-1"}, face.mrb)
        across = await face.post("note-thing", {"thing": "T-1", "unit": "EDB"}, face.jb)
        assert [a.status for a in (other, own, none, across)] == [403, 201, 201, 201]
        problem = await other.json()
        assert problem["pointer"] == "/unit"
        assert "MRB" in problem["detail"]
        assert "EDB" in problem["detail"]

    async def test_own_entity(self, face: Face) -> None:
        """A business's representative cannot name another business."""
        token = face.tokens.create("E", "P-E", "entity_rep", entity="91620100MA7LX0017J")
        own = {"thing": "T-1", "entity": "91620100MA7LX0017J"}
        other = {"thing": "T-1", "entity": "reg:77"}
        assert (await face.post("note-thing", own, token)).status == 201
        assert (await face.post("note-thing", other, token)).status == 403


class TestIds:
    """Request and correlation ids."""

    async def test_echoed(self, face: Face) -> None:
        """A sensible X-Request-Id comes back, on errors too; another is made up otherwise."""
        headers = {"X-Request-Id": "trace/1:a.b"}
        answer = await face.post("note-thing", {"thing": "T-1"}, headers=headers)
        assert answer.headers["X-Request-Id"] == "trace/1:a.b"
        answer = await face.client.get("/nowhere", headers=headers)
        assert answer.headers["X-Request-Id"] == "trace/1:a.b"
        assert (await answer.json())["request_id"] == "trace/1:a.b"

    @pytest.mark.parametrize("sent", ["a b", "x" * 129, "<script>", "é"])
    async def test_sanitised(self, face: Face, sent: str) -> None:
        """An X-Request-Id with anything odd in it is replaced."""
        answer = await face.client.get("/livez", headers={"X-Request-Id": sent})
        assert answer.headers["X-Request-Id"] != sent
        assert answer.headers["X-Request-Id"]

    async def test_correlation(self, face: Face) -> None:
        """X-Correlation-Id, else X-Request-Id, is the correlation id if it is a UUID."""
        one, two = str(uuid4()), str(uuid4())
        for headers, expected in (
            ({"X-Correlation-Id": one}, one),
            ({"X-Correlation-Id": one, "X-Request-Id": two}, one),
            ({"X-Request-Id": two}, two),
            ({"X-Correlation-Id": "x" * 36, "X-Request-Id": two}, two),
        ):
            answer = await face.post("note-thing", {"thing": "T-1"}, headers=headers)
            assert (await answer.json())["events"][0]["correlation_id"] == expected


async def test_what_the_sender_may_not_see_is_left_out(face: Face) -> None:
    """The sender is shown what it said, and of what was recorded with it what it may see.

    The position is that of what is shown: how much else was recorded may tell what it is.
    """
    token = face.tokens.create("E", "P-E", "entity_rep", entity="91620100MA7LX0017J")
    body = {"thing": "T-1", "level": "sealed", "times": 2}
    answer = await (await face.post("note-thing", body, token)).json()
    assert [e["position"] for e in answer["events"]] == [1]
    assert answer["position"] == 1


async def test_query_is_refused(face: Face) -> None:
    """A command takes no query parameter but dry_run, and says so rather than ignoring it."""
    answer = await face.client.post(
        "/v1/specimen/note-thing?trial=1",
        json={"thing": "T-1"},
        headers={"Authorization": f"Bearer {face.jb}"},
    )
    assert answer.status == 400
    assert "dry_run" in (await answer.json())["detail"]
    assert face.head() == 0
