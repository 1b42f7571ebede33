"""The credit profile: what it shows to whom, and that the order of arrival does not matter."""

from __future__ import annotations

import random
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given
from hypothesis import strategies as st

from ledger.general.values import Instrument
from ledger.intake.events import ImportedInspectionWithdrawn, ViolationRectified
from ledger.kernel import LegalRef, Recorded
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    CommitmentMade,
    Obligation,
)
from ledger.systems.complaints.events import ComplainantNamed
from ledger.systems.credit.events import (
    CreditRecordEntered,
    PublicityReinstated,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.dishonesty.events import (
    DeterminationNotified,
    DishonestyDetermined,
    IncentiveEnded,
    IncentiveGranted,
    IncentivePromised,
    SanctionApplied,
    SanctionLifted,
    SeriousListAdded,
    SeriousListRemoved,
)
from ledger.systems.draws.events import DrawResultPublished
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    Identity,
)
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionNoticeIssued,
    IrregularVisitReported,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.joint.events import JointVisitHeld
from ledger.systems.keylist.events import (
    KeyDesignationEnded,
    KeyDesignationReviewed,
    KeyUnitDesignated,
)
from ledger.systems.observation.events import ObservationGranted, ObservationTerminated, PolicyBasis
from ledger.systems.reconsideration.events import ReconApplied, ReconTerminated
from projections.explain.burden import BURDENS, Burdens
from projections.explain.burden import document as burden_document
from projections.explain.replay import Hypothetical, NothingKnown, as_if_repaired, replay
from projections.follower import Follower, Views
from projections.profiles import (
    EVERY,
    PROFILES,
    PUBLIC,
    RESTRICTED,
    Audience,
    CreditProfile,
    Profiles,
    Sight,
    difference,
    render,
    says_nothing,
)
from projections.source import Source
from projections.tables import open_engine
from tests.examples import examples
from tests.projections import strategies
from tests.projections.facts import (
    E1,
    E2,
    Past,
    caps,
    inspection,
    moment,
    policy,
    regime,
    task,
    violation,
)


def stored(views: Views, entity: str = E1) -> tuple[int, Any, Any]:
    with views.reading() as connection:
        row = connection.execute(sa.select(PROFILES).where(PROFILES.c.key == entity)).one()
    return (
        row.position,
        msgspec.json.decode(row.public_json),
        msgspec.json.decode(row.restricted_json),
    )


def plain(document: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document))


def grade(letter: str, assessed_on: str, entity: str = E1) -> CreditGradeAssigned:
    return CreditGradeAssigned(
        entity=entity,
        scheme="samr",
        grade=letter,
        assessed_on=date.fromisoformat(assessed_on),
        source="samr",
        factors=(),
        inputs_hash="0" * 64,
    )


def record(name: str = "CR-1", *, public: bool = True) -> CreditRecordEntered:
    return CreditRecordEntered(
        record=name,
        entity=E1,
        unit="MRB",
        kind="penalty",
        instrument=Instrument(kind="ruling", doc_no="D-1", effective_on=date(2026, 4, 15)),
        determined_on=date(2026, 4, 15),
        title="fine",
        public=public,
        severity="general",
    )


def started(name: str = "CR-1", on: str = "2026-04-20") -> PublicityStarted:
    return PublicityStarted(
        record=name,
        entity=E1,
        unit="MRB",
        started_on=date.fromisoformat(on),
        channels=("unit_site",),
        min_until=date(2026, 7, 15),
        max_until=date(2027, 4, 15),
    )


def ended(name: str = "CR-1", reason: Any = "repaired", on: str = "2026-07-27") -> Any:
    return PublicityTerminated(
        record=name, entity=E1, unit="MRB", reason=reason, terminated_on=date.fromisoformat(on)
    )


def opened(name: str, **fields: Any) -> OnSiteInspectionOpened:
    return OnSiteInspectionOpened(
        task=name,
        entity=E1,
        unit="MRB",
        matters=("M-101",),
        officers=("OFF-001", "OFF-002"),
        certs_shown=("C-1", "C-2"),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
        **fields,
    )


def test_a_business_known_by_inspections_alone(
    past: Past, follower: Follower, views: Views
) -> None:
    """A business that no register has named has a profile, and it says so."""
    past.add(inspection("I-1", score=90, score_meaning="higher_is_better"), "2015-05-04")
    past.add(violation("V-1", inspection="I-1", severity="high"), "2015-05-04")
    past.add(
        ViolationRectified(violation="V-1", entity=E1, corrected_on=date(2015, 6, 1)), "2015-06-01"
    )
    follower.catch_up()
    position, public, _ = stored(views)
    assert position == 3
    assert (public["registered"], public["listed"]) == (False, False)
    assert public["inspections"] == [
        {
            "inspection": "I-1",
            "unit": "DPH",
            "type": "routine",
            "held_on": "2015-05-04",
            "score": 90,
            "score_meaning": "higher_is_better",
            "violations": 1,
            "violations_open": 0,
        }
    ]
    assert public["violations"] == {
        "found": 1,
        "corrected": 1,
        "open": 0,
        "by_severity": {"high": 1},
        "last_found_on": "2015-05-04",
    }


def test_the_public_sees_what_is_public_alone(past: Past, follower: Follower, views: Views) -> None:
    """Grades, caps, planned visits and ended or internal records are for the authorities."""
    past.add(EntityRegistered(entity=E1, identity=Identity(name="Wan He")))
    past.add(grade("C", "2026-03-01"))
    past.add(caps())
    past.add(regime())
    past.add(record())
    past.add(started())
    past.add(record("CR-2", public=False))
    past.add(task("T-1"))
    past.add(task("T-2"))
    past.add(opened("T-2"), "2026-03-20")
    past.add(
        OnSiteInspectionClosed(task="T-2", entity=E1, unit="MRB", minutes_on_site=45), "2026-03-20"
    )
    follower.catch_up()
    _, public, restricted = stored(views)
    assert set(public) == {
        "entity",
        "registered",
        "listed",
        "identity",
        "records",
        "commitments",
        "serious_list",
        "inspections",
        "violations",
    }
    assert [r["record"] for r in public["records"]] == ["CR-1"]
    assert public["records"][0]["earliest_repair_on"] == "2026-07-16"
    assert "regimes" not in public["records"][0]
    assert public["inspections"] == []  # T-2 was held, but its result is not published
    assert [r["record"] for r in restricted["records"]] == ["CR-1", "CR-2"]
    assert restricted["grade"] == "C"
    assert "upcoming_visits" not in restricted  # T-1 is planned, and the unit's alone
    assert restricted["burden"] == {
        "visits": 1,
        "minutes_on_site": 45,
        "joint_visits": 0,
        "avoided_by_merging": 0,
        "inspections_imported": 0,
    }
    assert restricted["caps"] == [
        {
            "unit": "MRB",
            "year": 2026,
            "grade": "C",
            "used": 1,
            "exempt": 0,
            "cap": 2,
            "left": 1,
            "policy_version": 1,
        }
    ]
    past.add(
        DrawResultPublished(
            task="T-2",
            entity=E1,
            unit="MRB",
            matters=("M-101",),
            result="no_issue",
            published_on=date(2026, 4, 1),
        )
    )
    past.add(ended())
    follower.catch_up()
    _, public, restricted = stored(views)
    assert public["records"] == []
    assert [i["result"] for i in public["inspections"]] == ["no_issue"]
    assert restricted["records_ended"] == {"repaired": 1}


def test_a_new_cap_changes_the_documents_that_show_caps(
    past: Past, follower: Follower, views: Views
) -> None:
    """A policy version adopted later shows in profiles with booked visits, and in their ETag."""
    past.add(caps(1))
    past.add(task("T-1"))
    past.add(opened("T-1"), "2026-03-18")
    past.add(inspection("I-1", E2))
    follower.catch_up()
    past.add(caps(5, version=2, since="2026-06-01"))
    follower.catch_up()
    position, _, restricted = stored(views)
    assert (position, restricted["caps"][0]["cap"]) == (5, 5)
    assert stored(views, E2)[0] == 4


def test_a_cancelled_visit_gives_its_place_back(past: Past, views: Views) -> None:
    """A booking that was cancelled does not count, in whichever order one heard of it."""
    cancelled = InspectionCancelled(
        task="T-1",
        entity=E1,
        unit="MRB",
        planned_on=date(2026, 3, 18),
        counter="capped",
        reason="merged",
    )
    past.add(cancelled, "2026-03-05")
    past.add(task("T-1"), "2026-03-02")
    document = replay(past.recorder, E1, sight=Sight("restricted", "MRB")).document
    assert document["caps"][0]["used"] == 0
    assert document["upcoming_visits"] == 0


def test_a_business_counts_the_visits_it_was_told_of(past: Past) -> None:
    """To it a visit uses up its cap from the notice on; to the unit when approved; to others when
    it is made.
    """
    notice = InspectionNoticeIssued(task="T-2", entity=E1, unit="MRB", notice_no="N-1")
    past.add(caps(3))
    past.add(task("T-1"))
    past.add(task("T-2"))
    past.add(notice)
    past.add(task("T-3"))
    past.add(opened("T-3"), "2026-03-20")
    past.add(task("T-4", unit="EMB"))

    def told(audience: Audience, plans: str = "") -> tuple[dict[str, int], int | None]:
        document = replay(past.recorder, E1, sight=Sight(audience, plans)).document
        used = {cap["unit"]: cap["used"] for cap in document["caps"]}
        return used, document.get("upcoming_visits")

    assert told("entity") == ({"MRB": 2}, None)
    assert told("restricted") == ({"MRB": 1}, None)
    assert told("restricted", "EMB") == ({"MRB": 1, "EMB": 1}, 1)
    assert told("restricted", "MRB") == ({"MRB": 3}, 2)
    assert told("restricted", EVERY) == ({"MRB": 3, "EMB": 1}, 3)


def test_what_is_sealed_is_no_knowledge(past: Past, follower: Follower, views: Views) -> None:
    """A business known by a sealed report alone has documents that say nothing, and no step."""
    report = IrregularVisitReported(
        irregular_visit="IV-1",
        entity=E1,
        reporter="entity",
        visited_on=date(2026, 3, 1),
        facts="x",
        unit="MRB",
    )
    past.add(report)
    past.add(inspection("I-1", E2))
    follower.catch_up()
    with views.reading() as connection:
        rows = connection.execute(sa.select(PROFILES).order_by(PROFILES.c.key)).all()
    assert [(row.key, row.public, row.restricted) for row in rows] == [
        (E1, False, False),
        (E2, True, True),
    ]
    for row, nothing in zip(rows, (True, False), strict=True):
        assert says_nothing(row.restricted_json, row.key, RESTRICTED) is nothing
    assert [step.position for step in replay(past.recorder, E1).steps] == [1]
    unseen = replay(
        past.recorder, E1, without=[1], may_see=lambda r: r.envelope.visibility != "sealed"
    )
    assert (unseen.position, unseen.steps, unseen.left_out) == (0, [], [])


def test_what_a_register_unsays_is_gone_and_may_come_back(past: Past) -> None:
    """An inspection withdrawn by its register is not shown, until the register names it again."""
    past.add(inspection("I-1"), "2015-05-04", known="2016-02-02")
    past.add(
        ImportedInspectionWithdrawn(inspection="I-1", entity=E1, reason="unlisted"),
        "2017-01-01",
        known="2017-01-01",
    )
    assert replay(past.recorder, E1).document["inspections"] == []
    past.add(inspection("I-1", score=80), "2015-05-04", known="2018-01-01")
    assert len(replay(past.recorder, E1).document["inspections"]) == 1


def test_a_correction_reaches_the_stored_document(
    past: Past, follower: Follower, views: Views
) -> None:
    """A corrected value stands in the profile; the correction's position is its ETag."""
    past.add(inspection("I-1", score=90, score_meaning="higher_is_better"), "2015-05-04")
    past.add(inspection("I-2", E2), "2015-05-04")
    follower.catch_up()
    past.correct(1, "/body/score", 90, 78, "2016-01-01")
    past.add(inspection("I-3"), "2015-05-06")
    follower.catch_up()
    position, public, _ = stored(views)
    assert position == 4
    assert {i["inspection"]: i.get("score") for i in public["inspections"]} == {
        "I-1": 78,
        "I-3": None,
    }


def test_two_axes(past: Past) -> None:
    """What was so on one day as known on another (scenario S18): D then, B as known later."""
    past.add(grade("D", "2026-03-02"), "2026-03-02")
    past.add(grade("B", "2026-03-02"), "2026-07-03")

    def seen(valid: str, known: str) -> str:
        replayed = replay(
            past.recorder,
            E1,
            valid_as_of=date.fromisoformat(valid),
            known_as_of=datetime.fromisoformat(f"{known}T23:59:59+08:00"),
        )
        return str(replayed.document["grade"])

    assert seen("2026-06-01", "2026-06-01") == "D"
    assert seen("2026-06-01", "2026-07-04") == "B"
    assert seen("2026-03-01", "2026-07-04") == "B"  # nobody had graded it: else B


def test_corrections_count_from_when_they_were_known(past: Past) -> None:
    """Before a correction was known the old value is shown, after it the new one."""
    past.add(inspection("I-1", score=90), "2015-05-04", known="2016-02-02")
    past.correct(1, "/body/score", 90, 78, "2015-05-04", known="2017-12-23")

    def score(known: str) -> Any:
        moment = datetime.fromisoformat(f"{known}T12:00:00+00:00")
        found = replay(past.recorder, E1, known_as_of=moment).document["inspections"]
        return found[0]["score"] if found else None

    assert [score(d) for d in ("2016-01-01", "2016-06-01", "2018-01-01")] == [None, 90, 78]


def test_replay_says_what_each_event_changed(past: Past) -> None:
    """The steps name the place in the document, the old and new value, and the policy version."""
    past.add(caps())
    past.add(task("T-1"), policy_refs={"visit_cap": 1})
    past.add(record())
    past.add(started())
    replayed = replay(past.recorder, E1, sight=Sight("restricted", EVERY))
    assert [(s.position, s.type) for s in replayed.steps] == [
        (2, "filing.inspection-task-approved"),
        (3, "credit.credit-record-entered"),
        (4, "credit.publicity-started"),
    ]
    assert replayed.steps[0].policy_refs == {"visit_cap": 1}
    assert [c.path for c in replayed.steps[0].changes] == ["/caps/MRB 2026", "/upcoming_visits"]
    changes = {c.path: (c.before, c.after) for c in replayed.steps[2].changes}
    assert changes["/records/CR-1/status"] == ("unpublished", "active")


def test_without_and_as_if(past: Past) -> None:
    """A replay can leave a record out, or imagine it repaired; the ledger stays as it is."""
    past.add(record())
    past.add(started())
    past.add(inspection("I-1"))
    source = Source(past.recorder)
    left = replay(source, E1, without=["CR-1"])
    assert (left.document["records"], left.left_out) == ([], [1, 2])
    assert len(replay(source, E1, without=[3]).document["inspections"]) == 0
    imagined = as_if_repaired(source, E1, "CR-1", date(2026, 8, 1))
    repaired = replay(source, E1, hypothetical=imagined)
    assert repaired.document["records_ended"] == {"repaired": 1}
    assert repaired.steps[-1].position == 0
    with pytest.raises(NothingKnown):
        as_if_repaired(source, E1, "CR-9", date(2026, 8, 1))
    with pytest.raises(NothingKnown):
        replay(source, E2)
    # The future of a hypothesis is subject to the day asked for, like any fact.
    assert [type(one) for one in imagined] == [Hypothetical]
    before = replay(source, E1, hypothetical=imagined, valid_as_of=date(2026, 7, 31))
    assert before.document["records_ended"] == {}


def test_publicity_that_starts_again(past: Past) -> None:
    """A repair that is revoked puts the record back into publicity (rulebook 2.4e)."""
    past.add(record(), "2026-04-15")
    past.add(started(), "2026-04-20")
    past.add(ended(), "2026-07-27")
    assert replay(past.recorder, E1).document["records"][0]["status"] == "repaired"
    past.add(started(on="2026-09-01"), "2026-09-01")
    assert replay(past.recorder, E1).document["records"][0]["status"] == "active"


def test_leaving_and_coming_back(past: Past) -> None:
    """A business that left is listed again by its re-entry, and by nothing else (2.17)."""
    past.add(EntityLeftRegister(entity=E1, reason="closed"), "2017-01-01")
    past.add(EntityRegistered(entity=E1, identity=Identity(name="A")), "2016-01-01")
    assert replay(past.recorder, E1).document["listed"] is False
    past.add(EntityRegistered(entity=E1, identity=Identity(name="A")), "2018-01-01")
    assert replay(past.recorder, E1).document["listed"] is False
    back = EntityReentered(entity=E1, listed_on=date(2018, 6, 1), reason="back")
    past.add(back, "2018-06-01")
    assert replay(past.recorder, E1).document["listed"] is True
    before = replay(past.recorder, E1, valid_as_of=date(2018, 5, 31))
    assert before.document["listed"] is False


@examples(30)
@given(facts=strategies.pasts(), batch=st.integers(1, 9))
def test_the_view_shows_what_a_replay_shows(facts: strategies.Facts, batch: int) -> None:
    """The stored document of every business equals its replay with defaults."""
    past = Past(InMemoryDCBRecorder())
    facts.tell(past)
    views = Views(open_engine("sqlite://"), [Profiles()])
    with Follower(past.recorder, views, batch=batch) as follower:
        follower.catch_up()
        with views.reading() as connection:
            rows = connection.execute(sa.select(PROFILES)).all()
    views.close()
    for row in rows:
        assert msgspec.json.decode(row.restricted_json) == plain(
            replay(past.recorder, row.key).document
        )
        assert msgspec.json.decode(row.public_json) == plain(
            replay(past.recorder, row.key, sight=PUBLIC).document
        )


@given(facts=strategies.pasts(law=False, corrections=False), seed=st.integers(0, 2**32))
def test_late_facts_make_no_difference(facts: strategies.Facts, seed: int) -> None:
    """Facts with dates of their own give one profile, in whichever order they were recorded."""
    # Two facts of one moment have no order but that of their recording: give each its own day.
    told = [
        (event, date.fromordinal(date(2020, 1, 1).toordinal() + n), None)
        for n, (event, _, _) in enumerate(facts.told)
    ]
    # One thing said twice differently has two truths; here every fact is said once.
    once = {msgspec.json.encode(e)[:200]: (e, d, k) for e, d, k in told}
    told = list({_thing(e): (e, d, k) for e, d, k in once.values()}.values())
    shuffled = random.Random(seed).sample(told, len(told))
    documents = []
    for order in (told, shuffled):
        past = Past(InMemoryDCBRecorder())
        for event, day, _ in order:
            past.add(event, day)
        documents.append(
            {e: _document(past, e) for e in (E1, E2)},
        )
    assert documents[0] == documents[1]


def _thing(event: Any) -> tuple[Any, ...]:
    """What a fact is about: two grades of one day are two opinions on one thing."""
    names = ("entity", "task", "record", "inspection", "violation", "finding_id", "assessed_on")
    return (type(event), *(getattr(event, name, None) for name in names))


def _document(past: Past, entity: str) -> Any:
    try:
        return replay(past.recorder, entity).document
    except NothingKnown:
        return None


def test_difference_names_items_not_numbers() -> None:
    """A list of records differs by record, not by place in the list."""
    before = {"records": [{"record": "b", "x": 1}], "n": [1]}
    after = {"records": [{"record": "a/1", "x": 0}, {"record": "b", "x": 2}], "n": [1, 2]}
    assert [(c.path, c.before, c.after) for c in difference(before, after)] == [
        ("/records/b/x", 1, 2),
        ("/records/a~11", None, {"record": "a/1", "x": 0}),
        ("/n", [1], [1, 2]),
    ]


def test_caps_by_day(past: Past) -> None:
    """As of a day, the cap is that of the version then in force."""
    past.add(caps(1))
    past.add(caps(3, version=2, since="2026-07-01"))
    past.add(task("T-1"), "2026-03-02")
    june = replay(
        past.recorder, E1, valid_as_of=date(2026, 6, 30), sight=Sight("restricted", "MRB")
    )
    (cap,) = june.document["caps"]
    assert (cap["cap"], cap["policy_version"]) == (1, 1)
    assert (
        replay(past.recorder, E1, sight=Sight("restricted", "MRB")).document["caps"][0]["cap"] == 3
    )


def test_render_without_policies() -> None:
    """Without a policy the cap is unknown, not zero."""
    profile = CreditProfile(E1)
    profile.take(Recorded(1, _envelope(), task("T-1")))
    (cap,) = render(profile, Sight("restricted", "MRB"))["caps"]
    assert (cap["used"], cap["cap"], cap["left"]) == (1, None, None)


def _envelope() -> Any:
    past = Past(InMemoryDCBRecorder())
    past.add(task("T-1"))
    return past.events[1][0]


# What the other systems have come to decide


WHOSE: dict[str, Any] = {"entity": E1, "unit": "MRB"}


def told(past: Past, audience: Any, on: str | None = None, entity: str = E1) -> dict[str, Any]:
    """What a replay shows to an audience, as JSON."""
    day = None if on is None else date.fromisoformat(on)
    document: dict[str, Any] = plain(
        replay(past.recorder, entity, sight=Sight(audience), valid_as_of=day).document
    )
    return document


def promise(name: str = "CMT-1", *, public: bool = True) -> CommitmentMade:
    obligations = (
        Obligation(obligation="a", due_on=date(2026, 5, 1)),
        Obligation(obligation="b", due_on=date(2026, 6, 1)),
        Obligation(obligation="c", due_on=date(2026, 7, 1)),
    )
    return CommitmentMade(
        **WHOSE,
        commitment=name,
        type="voluntary",
        text_hash="0" * 64,
        obligations=obligations,
        public=public,
    )


def test_commitments_and_their_obligations(past: Past) -> None:
    """Everybody reads a public commitment, obligation by obligation; others stay where they are."""
    past.add(promise(), "2026-04-01")
    past.add(promise("CMT-2", public=False), "2026-04-02")
    past.add(
        CommitmentFulfilled(
            **WHOSE, commitment="CMT-1", obligation="a", evidence=("E-1",), days_late=2
        ),
        "2026-05-03",
    )
    assert told(past, "public")["commitments"][0]["stage"] == "open"
    past.add(
        CommitmentBreached(
            **WHOSE,
            commitment="CMT-1",
            obligation="b",
            evidence=("E-2",),
            notice_ref="N-1",
            notified_on=date(2026, 6, 2),
        ),
        "2026-06-10",
    )
    (shown,) = told(past, "public")["commitments"]
    assert (shown["commitment"], shown["stage"]) == ("CMT-1", "breached")
    assert [
        (one["obligation"], one["fulfilled_on"], one["breached_on"], one["days_late"])
        for one in shown["obligations"]
    ] == [("a", "2026-05-03", None, 2), ("b", None, "2026-06-10", 0), ("c", None, None, 0)]
    for audience in ("entity", "restricted"):
        names = [one["commitment"] for one in told(past, audience)["commitments"]]
        assert names == ["CMT-1", "CMT-2"]
    # As of a day before the breach nothing is broken.
    assert told(past, "public", "2026-06-09")["commitments"][0]["stage"] == "open"


def test_dishonesty_from_notice_to_removal(past: Past) -> None:
    """Before it is determined the business alone reads of it; the list is public while on it."""
    basis = (LegalRef(instrument="law"),)
    instrument = Instrument(kind="list_decision", doc_no="L-1", effective_on=date(2026, 5, 6))
    of_case = {**WHOSE, "determination": "DET-1"}
    past.add(
        DeterminationNotified(
            **of_case,
            notice_no="N-1",
            facts="x",
            ground="very_large_fine",
            severity="serious",
            basis=basis,
            defence_until=date(2026, 4, 20),
        ),
        "2026-04-10",
    )
    (own,) = told(past, "entity")["determinations"]
    assert (own["stage"], own["defence_until"]) == ("notified", "2026-04-20")
    assert told(past, "restricted")["determinations"] == []
    assert "determinations" not in told(past, "public")
    past.add(
        DishonestyDetermined(
            **of_case,
            severity="serious",
            ground="very_large_fine",
            basis=basis,
            instrument=instrument,
        ),
        "2026-05-06",
    )
    listed = {**of_case, "record": "CR-1", "list_field": "food"}
    past.add(
        SeriousListAdded(
            **listed,
            criteria_version=1,
            instrument=instrument,
            reason="x",
            listed_on=date(2026, 5, 6),
        ),
        "2026-05-06",
    )
    (known,) = told(past, "restricted")["determinations"]
    assert (known["stage"], known["record"]) == ("listed", "CR-1")
    for audience in ("public", "entity", "restricted"):
        (listing,) = told(past, audience)["serious_list"]
        assert (listing["list_field"], listing["listed_on"]) == ("food", "2026-05-06")
        assert ("determination" in listing) == (audience != "public")
    past.add(
        SeriousListRemoved(**listed, reason="repaired", removed_on=date(2027, 6, 1)), "2027-06-01"
    )
    for audience in ("public", "entity", "restricted"):
        assert told(past, audience)["serious_list"] == []
        # What may be shown to the public is judged now, whatever day it names.
        before = told(past, audience, "2027-05-31")["serious_list"]
        assert len(before) == (audience != "public")
    assert told(past, "restricted")["determinations"][0]["stage"] == "removed"


def sanction(name: str = "S-1", rests_on: str = "CR-1", until: str | None = None) -> Any:
    return SanctionApplied(
        **WHOSE,
        sanction=name,
        record=rests_on,
        measure="no-funds",
        catalogue_version=1,
        applied_on=date(2026, 5, 6),
        until=None if until is None else date.fromisoformat(until),
    )


def test_measures_that_are_alive(past: Past) -> None:
    """Incentives and sanctions are shown until they end, or their last day has passed."""
    past.add(sanction(), "2026-05-06")
    past.add(sanction("S-2", "CR-2", "2026-08-06"), "2026-05-06")
    granted = {**WHOSE, "incentive": "I-1", "measure": "fast-lane"}
    past.add(IncentivePromised(**granted, ground="x", apply_by=date(2026, 5, 1)), "2026-04-01")
    for audience in ("entity", "restricted"):
        assert told(past, audience)["incentives"][0]["stage"] == "promised"
    past.add(
        IncentiveGranted(**granted, granted_on=date(2026, 4, 20), until=date(2026, 10, 20)),
        "2026-04-20",
    )

    def alive(on: str | None = None) -> tuple[list[str], list[str]]:
        document = told(past, "restricted", on)
        sanctions = [one["sanction"] for one in document["sanctions"]]
        return sanctions, [one["incentive"] for one in document["incentives"]]

    assert alive() == (["S-1", "S-2"], ["I-1"])
    assert alive("2026-05-05") == ([], ["I-1"])
    assert alive("2026-08-06") == (["S-1", "S-2"], ["I-1"])
    assert alive("2026-08-07") == (["S-1"], ["I-1"])
    assert alive("2026-10-21") == (["S-1"], [])
    past.add(
        SanctionLifted(
            **WHOSE,
            sanction="S-1",
            record="CR-1",
            reason="repaired",
            lifted_on=date(2026, 9, 1),
        ),
        "2026-09-01",
    )
    past.add(
        IncentiveEnded(
            **WHOSE, incentive="I-1", reason="no_longer_eligible", ended_on=date(2026, 9, 2)
        ),
        "2026-09-02",
    )
    assert alive() == (["S-2"], [])
    assert not {"sanctions", "incentives"} & told(past, "public").keys()


@pytest.mark.parametrize(
    ("listed_as", "readers"),
    [
        ("public", ["public", "entity", "restricted"]),
        ("shared", ["entity", "restricted"]),
        ("restricted", ["entity"]),
    ],
)
def test_key_designations_as_the_list_is_read(
    past: Past, listed_as: Any, readers: list[str]
) -> None:
    """Who reads of a designation is who reads the list of them; it holds until its review."""
    past.add(
        KeyUnitDesignated(
            **WHOSE,
            designation="KEY-1",
            matters=("M-101",),
            reason="x",
            tracking_officer="OFF-001",
            guidance_plan="G-1",
            review_on=date(2026, 9, 1),
            notice_no="N-1",
            notified_on=date(2026, 3, 1),
            grade="C",
            listed_as=listed_as,
        ),
        "2026-03-02",
    )

    def seen(on: str | None = None) -> list[str]:
        return [
            audience
            for audience in ("public", "entity", "restricted")
            if told(past, audience, on).get("key_designations")
        ]

    assert seen() == seen("2026-09-01") == readers
    assert seen("2026-03-01") == seen("2026-09-02") == []
    past.add(
        KeyDesignationReviewed(
            **WHOSE,
            designation="KEY-1",
            outcome="keep",
            grounds="x",
            review_on=date(2027, 3, 1),
            listed_as=listed_as,
        ),
        "2026-08-20",
    )
    assert seen("2026-09-02") == readers
    past.add(
        KeyDesignationEnded(
            **WHOSE,
            designation="KEY-1",
            reason="risk_gone",
            ended_on=date(2026, 10, 1),
            listed_as=listed_as,
        ),
        "2026-10-01",
    )
    assert seen() == []


def test_an_observation_period_runs_for_its_days(past: Past) -> None:
    """Who is watched is for the business and the authorities, from the first day to the last."""
    period = {**WHOSE, "observation": "OBS-1"}
    past.add(
        ObservationGranted(
            **period,
            four_new_kind="model",
            activity="drones",
            policy_basis=PolicyBasis(level="national", instrument="law"),
            domain="transport",
            starts_on=date(2026, 4, 1),
            ends_on=date(2026, 9, 30),
            bottom_lines=("safety",),
        ),
        "2026-03-20",
    )

    def runs(on: str | None = None) -> list[bool]:
        return [
            bool(told(past, who, on)["observation_periods"]) for who in ("entity", "restricted")
        ]

    assert "observation_periods" not in told(past, "public")
    assert runs() == runs("2026-04-01") == runs("2026-09-30") == [True, True]
    assert runs("2026-03-31") == runs("2026-10-01") == [False, False]
    past.add(
        ObservationTerminated(
            **period, because="bottom_line", reason="x", terminated_on=date(2026, 6, 1)
        ),
        "2026-06-01",
    )
    assert runs() == [False, False]
    assert runs("2026-05-31") == [True, True]


def test_open_disputes_are_a_number(past: Past) -> None:
    """How many reconsideration cases go on, and nothing of what they are about; not for all."""
    case = {**WHOSE, "recon": "RC-1", "decision": "D-1", "organ": "RECON"}
    past.add(
        ReconApplied(
            **case, known_on=date(2026, 3, 1), last_day=date(2026, 4, 30), grounds="secret"
        )
    )
    for audience in ("entity", "restricted"):
        assert told(past, audience)["reconsiderations_open"] == 1
    assert "secret" not in str(told(past, "restricted"))
    assert "reconsiderations_open" not in told(past, "public")
    past.add(ReconTerminated(**case, ground="withdrawn", reason="x"), "2026-04-01")
    assert told(past, "restricted")["reconsiderations_open"] == 0


def test_a_complaint_of_the_business_is_nowhere(past: Past) -> None:
    """CMP-R2: that a business complained changes no document about it, its own included."""
    past.add(record())
    before = [told(past, who) for who in ("public", "entity", "restricted")]
    past.add(
        ComplainantNamed(
            complaint="CMP-1",
            subject_unit="MRB",
            anonymous=False,
            guarded_until=date(2026, 6, 1),
            entity=E1,
        )
    )
    assert [told(past, who) for who in ("public", "entity", "restricted")] == before


def test_a_record_is_reckoned_under_every_regime(
    past: Past, follower: Follower, views: Views
) -> None:
    """Each regime with its version; a policy adopted later shows at once, and in the position."""
    past.add(regime())
    past.add(record())
    past.add(started())
    past.add(record("CR-2", public=False))
    past.add(inspection("I-1", E2))
    follower.catch_up()
    _, public, restricted = stored(views)
    assert public["records"][0]["earliest_repair_on"] == "2026-07-16"
    # One that was never shown can be repaired too.
    assert [one["earliest_repair_on"] for one in restricted["records"]] == ["2026-07-16"] * 2
    (only,) = restricted["records"][0]["regimes"]
    assert (only["policy_key"], only["version"], only["governs"]) == (
        "dishonesty.regime",
        1,
        True,
    )
    # A regime that is harder from May on, and nothing that takes older records in; then that too.
    past.add(regime(1, 2, "2026-05-01"))
    last = past.add(policy("dishonesty.transition", "more_favourable", "text", "2026-05-01"))
    follower.catch_up()
    position, public, restricted = stored(views)
    assert position == last
    assert public["records"][0]["earliest_repair_on"] == "2026-05-16"
    assert [
        (one["version"], one["because"], one["earliest_on"], one["governs"])
        for one in restricted["records"][0]["regimes"]
    ] == [
        (1, "determination", "2026-07-16", False),
        (2, "transition", "2026-05-16", True),
    ]
    assert stored(views, E2)[0] == 5
    # As it was known before: the one regime.
    (known,) = [
        one
        for one in replay(past.recorder, E1, to_position=last - 2).document["records"]
        if one["record"] == "CR-1"
    ]
    assert str(known["earliest_repair_on"]) == "2026-07-16"
    assert plain(replay(past.recorder, E1).document) == restricted


def test_what_has_ended_is_not_to_be_repaired(past: Past) -> None:
    """A repaired record has no earliest day, one that came back has; both were repaired once."""
    past.add(regime())
    past.add(record())
    past.add(started())
    past.add(ended(), "2026-07-27")
    (gone,) = told(past, "restricted")["records"]
    assert not {"earliest_repair_on", "regimes", "reinstated_on"} & gone.keys()
    assert told(past, "restricted")["records_repaired"] == 1
    past.add(
        PublicityReinstated(
            **WHOSE,
            record="CR-1",
            reason="breach",
            ended_on=date(2026, 7, 27),
            reinstated_on=date(2026, 9, 1),
        ),
        "2026-09-01",
    )
    document = told(past, "restricted")
    (back,) = document["records"]
    assert (back["status"], back["reinstated_on"]) == ("active", "2026-09-01")
    assert back["earliest_repair_on"] == "2026-07-16"
    assert (document["records_repaired"], document["records_ended"]) == (1, {})
    for audience in ("public", "entity"):
        assert "records_repaired" not in told(past, audience)
    assert "reinstated_on" not in told(past, "public")["records"][0]


def test_as_if_repaired_ends_what_rests_on_the_record(past: Past) -> None:
    """The sanctions and the listing of the record go with it; those of others stay."""
    past.add(record())
    past.add(started())
    past.add(sanction(), "2026-05-06")
    past.add(sanction("S-2", "CR-2"), "2026-05-06")
    past.add(
        SeriousListAdded(
            **WHOSE,
            record="CR-1",
            determination="DET-1",
            list_field="food",
            criteria_version=1,
            instrument=Instrument(kind="list_decision", doc_no="L", effective_on=date(2026, 5, 6)),
            reason="x",
            listed_on=date(2026, 5, 6),
        ),
        "2026-05-06",
    )
    source = Source(past.recorder)
    replayed = replay(source, E1, hypothetical=as_if_repaired(source, E1, "CR-1", date(2026, 8, 1)))
    assert replayed.document["serious_list"] == []
    assert [one["sanction"] for one in replayed.document["sanctions"]] == ["S-2"]
    assert [c.path for s in replayed.steps[-2:] for c in s.changes] == [
        "/sanctions/S-1",
        "/serious_list/DET-1",
    ]
    without = replay(source, E1, without=["CR-1"]).document
    assert (without["records"], without["serious_list"]) == ([], [])
    assert [one["sanction"] for one in without["sanctions"]] == ["S-2"]


def test_a_joint_visit_is_one_visit(past: Past, follower: Follower, views: Views) -> None:
    """The profile counts as the burden account does, with the minutes of the whole visit."""
    for name, minutes in (("T-1", 50), ("T-2", 70)):
        past.add(task(name, joint="JNT-1"))
        past.add(opened(name), "2026-03-20")
        past.add(OnSiteInspectionClosed(task=name, **WHOSE, minutes_on_site=minutes), "2026-03-20")
    past.add(task("T-3"))
    past.add(opened("T-3"), "2026-03-25")
    past.add(inspection("I-1"), "2015-05-04")
    past.add(
        JointVisitHeld(
            **WHOSE,
            joint="JNT-1",
            held_on=date(2026, 3, 20),
            arrived_at=moment("2026-03-20"),
            left_at=moment("2026-03-20"),
            minutes_on_site=95,
            presences=(),
            matters_checked=("M-101",),
        ),
        "2026-03-20",
    )
    follower.catch_up()
    burden = stored(views)[2]["burden"]
    assert burden == {
        "visits": 2,
        "minutes_on_site": 95,
        "joint_visits": 1,
        "avoided_by_merging": 1,
        "inspections_imported": 1,
    }
    with views.reading() as connection:
        state = connection.execute(
            sa.select(BURDENS.c.state).where(BURDENS.c.key == E1)
        ).scalar_one()
    account = burden_document(Burdens().decode(state))
    assert {name: account[name] for name in burden if name in account} == {
        name: count for name, count in burden.items() if name != "inspections_imported"
    }
