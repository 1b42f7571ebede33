"""Who sees what, in one table, and by every way of reading."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import pytest

from api.http.tokens import ANONYMOUS, Grant
from ledger.general.audiences import kept_from
from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import Role
from ledger.kernel import Actor, Event, RecordCorrected, Recorded, Visibility, codec
from ledger.kernel.events import Envelope
from ledger.systems.complaints.events import ComplaintReceived
from ledger.systems.filing.events import InspectionTaskApproved
from tests.api.conftest import Face

UNIT_ROLES = ("enforcement_officer", "office_head", "unit_legal_office", "unit_head",
              "draw_coordinator", "park_committee")  # fmt: skip
ACROSS = ("rlo_assessor", "recon_officer", "ledger_clock", "credit_officer")
LEVELS = ("public", "shared", "restricted", "sealed")


def _seen(grant: Grant, actor_unit: str, *tags: str) -> list[str]:
    return [v for v in get_args(Visibility) if grant.sees(v, actor_unit, tags)]


def _grant(role: str, entity: str | None = None) -> Grant:
    return Grant("MRB", "P", role, entity, "id")  # type: ignore[arg-type]


def test_every_role_has_its_row() -> None:
    """No role of the rulebook is without a rule here."""
    others = {"jb_supervisor", "entity_rep", "public", "subscriber_system", "operator"}
    named = {*UNIT_ROLES, *ACROSS, *others}
    assert named == set(get_args(Role))


def test_public() -> None:
    """Without a token, and with one of the role public, one sees what is public."""
    assert _seen(ANONYMOUS, "public", "unit:public") == ["public"]
    assert _seen(_grant("public"), "MRB", "unit:MRB") == ["public"]


def test_operator() -> None:
    """An operator sees of events what everybody sees, its own unit's included."""
    assert _seen(_grant("operator"), "MRB", "unit:MRB") == ["public"]
    assert _grant("operator").reader() == Grant("public", "anonymous", "public", None, "id")


def test_supervisor() -> None:
    """The bureau's supervisor sees everything, what others have sealed included."""
    assert _seen(_grant("jb_supervisor"), "EDB") == list(LEVELS)


@pytest.mark.parametrize("role", ACROSS)
def test_across(role: str) -> None:
    """Those who work across units see everything that is not sealed."""
    assert _seen(_grant(role), "EDB") == ["public", "shared", "restricted"]


@pytest.mark.parametrize("role", UNIT_ROLES)
def test_units(role: str) -> None:
    """A unit sees of the restricted what concerns it, and whatever it recorded itself."""
    grant = _grant(role)
    assert _seen(grant, "EDB", "unit:EDB") == ["public", "shared"]
    assert _seen(grant, "MRB") == ["public", "shared", "restricted", "sealed"]
    assert _seen(grant, "EDB", "unit:EDB", "unit:MRB") == ["public", "shared", "restricted"]
    assert _seen(grant, "EDB", "unit:MRB2", "entity:MRB") == ["public", "shared"]


def test_entities() -> None:
    """A business sees of the restricted what concerns itself: not visits still to come (2.16)."""
    assert InspectionTaskApproved.VISIBILITY == "sealed"
    grant = _grant("entity_rep", "reg:1")
    assert _seen(grant, "MRB", "entity:reg:1") == ["public", "shared", "restricted"]
    assert _seen(grant, "MRB", "entity:reg:11") == ["public"]
    assert _seen(grant, "MRB", "entity:reg:1", "finding:F-1") == ["public"]
    assert _seen(_grant("entity_rep"), "MRB", "unit:MRB") == ["public"]


def test_subscribers() -> None:
    """A partner sees what is public here; what is shared goes by its subscriptions."""
    assert _seen(_grant("subscriber_system"), "MRB", "unit:MRB") == ["public"]


async def test_by_every_way(face: Face) -> None:
    """An event and the feed show a token the same, and what is not for it is not there."""
    for level in LEVELS:
        await face.note("T-1", level=level, unit="EDB")
    edb = face.tokens.create("EDB", "P-EDB", "unit_head")
    for token, expected in (
        (None, [1]),
        (face.mrb, [1, 2]),
        (edb, [1, 2, 3]),
        (face.jb, [1, 2, 3, 4]),
    ):
        one_by_one = [
            n for n in range(1, 6) if (await face.get(f"/v1/events/{n}", token)).status == 200
        ]
        page = await (await face.get("/v1/feed", token)).json()
        assert one_by_one == expected
        assert [e["position"] for e in page["events"]] == expected
        assert page["next_after"] == page["head"] == 4


async def test_hidden_is_not_found(face: Face) -> None:
    """An event that a token may not see answers as one that does not exist."""
    await face.note("T-1", level="sealed")
    hidden = await (await face.get("/v1/events/1")).json()
    absent = await (await face.get("/v1/events/2")).json()
    for answer in (hidden, absent):
        del answer["request_id"], answer["instance"]
    assert hidden == absent


ACCUSED = {"complaint": "C-1", "unit": "RLO", "subject_unit": "JB"}


def _recorded(event: Event, unit: str) -> Recorded:
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    return Recorded(
        1,
        Envelope(
            event_id=UUID(int=1),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=moment,
            recorded_at=moment,
            actor=Actor(unit_id=unit, person_id="P", role="rlo_assessor"),
            correlation_id=UUID(int=1),
            command_id="c",
            visibility=event.visibility(),
        ),
        event,
    )


RECEIVED = ComplaintReceived(**ACCUSED, channel="web", facts="…", anonymous=True)
CORRECTED = RecordCorrected(
    target_event_id=UUID(int=1),
    target_position=1,
    field_changes=(),
    reason="…",
    requested_by="A",
    approved_by="B",
    subjects=tuple(RECEIVED.tags()),
    target_visibility="sealed",
    target_kept_from=RECEIVED.kept_from(),
)
FOUND = FindingRaised(
    finding_id="CMP-V1.1", type="selective", rule_id="CMP-V1", auto=True, unit="JB"
)


@pytest.mark.parametrize("event", [RECEIVED, CORRECTED, FOUND], ids=lambda e: type(e).__name__)
def test_what_accuses_a_unit_is_kept_from_it(event: Event) -> None:
    """Sealed and about the bureau: the bureau does not see it, in any role; another one does."""
    record = _recorded(event, "RLO")
    assert record.envelope.visibility == "sealed"
    assert not Grant("JB", "P", "jb_supervisor").sees_record(record)
    assert not Grant("JB", "P", "unit_head").sees_record(record)
    assert Grant("JB-2", "P", "jb_supervisor").sees_record(record)
    assert Grant("RLO", "P", "unit_head").sees_record(record)


@pytest.mark.parametrize("event", [RECEIVED, CORRECTED, FOUND], ids=lambda e: type(e).__name__)
def test_kept_as_stored(event: Event) -> None:
    """Its stored bytes say the same; damaged ones are kept from every unit that the tags name."""
    record = _recorded(event, "RLO")
    data = codec.encode(record.envelope, event)
    assert kept_from(event.TOPIC, "sealed", event.tags(), data) == ("JB",)
    assert kept_from(event.TOPIC, "restricted", event.tags(), data) == ("JB",)
    assert kept_from(event.TOPIC, "public", event.tags(), data) == ()
    assert "JB" in kept_from(event.TOPIC, "sealed", event.tags(), data[:-3])
    assert "JB" in kept_from("no.such-type", "sealed", event.tags(), data)
