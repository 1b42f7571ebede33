"""The full-process record (2.8): steps, recordings, what takes their place, the archive."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import StoredFile
from ledger.kernel import (
    Event,
    Forbidden,
    Malformed,
    OutOfStep,
    Recorded,
    UnknownReference,
    codec,
)
from ledger.kernel.memory import as_query
from ledger.systems.penalties.commands import (
    AddEvidence,
    CloseCase,
    RegisterInAdvance,
    SeizeProperty,
)
from ledger.systems.penalties.events import (
    CaseClosed,
    CaseFiled,
    Conduct,
    EvidenceAdded,
    PenaltyDecided,
    PenaltyServed,
)
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.process.commands import (
    ArchiveCase,
    CheckEvidence,
    RecordProcessStep,
    SealAvRecord,
    SupersedeEvidence,
)
from ledger.systems.process.events import (
    AvRecordSealed,
    CaseArchived,
    CaseFilesErased,
    EvidenceChecked,
    EvidenceSuperseded,
    Gap,
    ProcessStepRecorded,
    Step,
)
from ledger.systems.process.folds import ProcessRecord
from tests.cast import E_B, E_C, EMB, JB
from tests.gwt import Scenario, like
from tests.systems.recorded import ALL_STEPS, step, whole_record

replace = msgspec.structs.replace

A, B, C = "a" * 64, "b" * 64, "c" * 64


def at(moment: str) -> datetime:
    return datetime.fromisoformat(f"2026-06-{moment}+08:00")


STEP = RecordProcessStep(
    evidence="EV-1",
    case="CASE-1",
    step="investigate",
    medium="text",
    evidence_hash=A,
    taken_at=at("02T10:00"),
)
SEAL = SealAvRecord(
    evidence="AV-1",
    case="CASE-1",
    medium="video",
    sha256=B,
    start=at("02T09:00"),
    end=at("02T10:30"),
    covers="seizure",
)
SUPERSEDE = SupersedeEvidence(evidence="EV-1", evidence_hash=C, reason="扫描件不清")
CLOSE = CloseCase(case="CASE-1", reason="executed", conclusion="罚款缴清")
ARCHIVE = ArchiveCase(case="CASE-1", archive_no="2026-处罚-001", digest=C)


def filed(case: str, entity: str = E_C, **changed: Any) -> CaseFiled:
    return replace(
        CaseFiled(
            case=case,
            entity=entity,
            unit="MRB",
            procedure="ordinary",
            party="organisation",
            conduct=Conduct(
                violation_code="FS-034",
                act=f"act-{case}",
                first_on=date(2026, 5, 30),
                last_on=date(2026, 5, 30),
            ),
            cause="经营超过保质期的食品",
            source="inspection",
            discovered_on=date(2026, 6, 1),
            filed_on=date(2026, 6, 8),
            investigators=("OFF-001", "OFF-002"),
            filed_by="MRB-HEAD",
        ),
        **changed,
    )


def decided(case: str = "CASE-1", entity: str = E_C) -> list[Event]:
    return [
        PenaltyDecided(
            decision=f"DEC-{case}",
            entity=entity,
            unit="MRB",
            case=case,
            doc_no="1号",
            decided_on=date(2026, 6, 5),
            types=("warning",),
            severity="minor",
            facts="-",
        ),
        PenaltyServed(
            decision=f"DEC-{case}",
            entity=entity,
            unit="MRB",
            served_on=date(2026, 6, 6),
            repair_notice=True,
        ),
    ]


@pytest.fixture
def story() -> Scenario:
    """A case of MRB; another one of it is fully recorded, filmed and archived."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-06-08T09:00+08:00")
        .given(filed("CASE-1"))
        .amid(
            filed("CASE-9", E_B),
            *whole_record(date(2026, 6, 2), "CASE-9", E_B),
            CaseArchived(
                case="CASE-9",
                entity=E_B,
                unit="MRB",
                archive_no="9",
                digest=A,
                pieces=6,
                archived_on=date(2026, 6, 8),
            ),
        )
    )


def test_a_step_is_recorded_by_the_unit_of_the_case(story: Scenario) -> None:
    """Of a case that is there and not archived, and not from the future."""
    story.when(STEP, EMB).raises(Forbidden)
    story.when(replace(STEP, case="CASE-X")).raises(UnknownReference)
    story.when(replace(STEP, case="CASE-9")).raises(OutOfStep, says="archived")
    story.when(replace(STEP, taken_at=at("09T10:00"))).raises(Malformed, pointer="/taken_at")
    story.when(STEP).then(like(ProcessStepRecorded, entity=E_C, unit="MRB", evidence_hash=A))


def test_REC_R1_no_case_is_closed_with_a_step_missing(story: Scenario) -> None:
    """One that was executed needs all six; another case's steps are none of its own."""
    story.given(*decided(), *(step(name, date(2026, 6, 1)) for name in ALL_STEPS[:-2]))
    story.when(CLOSE).refused("REC-R1", steps=["serve", "execute"], reason="executed")
    story.given(step("serve", date(2026, 6, 6)), step("archive", date(2026, 6, 7))).when(
        CLOSE
    ).refused("REC-R1", steps=["execute"])
    story.given(step("execute", date(2026, 6, 7))).when(CLOSE).then(
        like(CaseClosed, reason="executed")
    )


@pytest.mark.parametrize(
    ("procedure", "reason", "steps"),
    [
        ("ordinary", "not_established", ("initiate", "investigate", "review")),
        ("ordinary", "limitation", ("initiate", "investigate")),
        ("summary", "not_established", ()),
    ],
)
def test_REC_R1_a_case_that_ends_early_needs_fewer_steps(
    story: Scenario, procedure: Any, reason: Any, steps: tuple[Step, ...]
) -> None:
    """By the procedure and the reason, as the policy says."""
    story.given(filed("CASE-2", procedure=procedure))
    close = replace(CLOSE, case="CASE-2", reason=reason)
    if steps:
        story.when(close).refused("REC-R1", steps=list(steps))
        story.given(*(step(name, date(2026, 6, 2), "CASE-2") for name in steps))
    story.when(close).then(like(CaseClosed, reason=reason))


def test_REC_R2_a_forced_act_is_filmed(story: Scenario) -> None:
    """That act, on that day, in that case."""
    seizure = replace(STEP, forced_act="seizure")
    story.when(seizure).refused("REC-R2", act="seizure", case="CASE-1")
    story.given(replace(SEAL, evidence="AV-0", covers="sealing"))
    story.when(seizure).refused("REC-R2", act="seizure")
    story.given(SEAL)
    story.when(replace(seizure, taken_at=at("03T10:00"))).refused("REC-R2", on=date(2026, 6, 3))
    story.when(seizure).then(like(ProcessStepRecorded, forced_act="seizure"))


def test_REC_R2_a_seizure_is_filmed(story: Scenario) -> None:
    """It takes effect by being recorded: on its day a film of it is sealed already."""
    seize = SeizeProperty(
        evidence="EV-7", case="CASE-1", kind="physical", title="过期食品", items=("饼干 20 箱",)
    )
    story.given(SEAL).when(seize).refused("REC-R2", act="seizure", on=date(2026, 6, 8))
    story.given(replace(SEAL, evidence="AV-2", start=at("08T08:00"), end=at("08T08:30")))
    story.when(seize).then(like(EvidenceAdded, measure="seizure"))
    held = RegisterInAdvance(
        evidence="EV-8", case="CASE-1", kind="physical", title="账册", items=("账册",)
    )
    story.when(held).then(like(EvidenceAdded, measure="advance_registration"))


def test_REC_R3_a_piece_is_superseded_and_never_replaced(story: Scenario) -> None:
    """Whichever way it came on record; the earlier digest stays in the event."""
    story.given(STEP, SEAL)
    for command in (
        replace(STEP, evidence_hash=C),
        replace(STEP, evidence="AV-1"),
        replace(SEAL, evidence="EV-1"),
        replace(STEP, evidence="CASE-9-decide"),
        AddEvidence(evidence="EV-1", case="CASE-1", kind="documentary", title="另一份"),
    ):
        story.when(command).refused("REC-R3", evidence=command.evidence)
    story.when(SUPERSEDE, EMB).raises(Forbidden)
    story.when(replace(SUPERSEDE, evidence="EV-9")).raises(UnknownReference)
    story.when(replace(SUPERSEDE, evidence_hash=A)).raises(Malformed, pointer="/evidence_hash")
    story.when(SUPERSEDE).then(like(EvidenceSuperseded, previous_hash=A, evidence_hash=C))
    story.when(replace(SUPERSEDE, evidence="CASE-9-film")).raises(OutOfStep, says="archived")


def names_no_file(record: Recorded) -> bool:
    """Whether a fact names a piece, and no file that is kept here."""
    return getattr(record.event, "file", ...) is None


def test_a_file_that_comes_after_its_digest_is_kept_from_then_on(story: Scenario) -> None:
    """Superseded by the same digest, once it was uploaded; no earlier digest is shown of it."""
    file = StoredFile(size=9, media_type="text/plain")
    same = replace(SUPERSEDE, evidence_hash=A)
    story.given(STEP)
    story.when(same).raises(Malformed, pointer="/evidence_hash")
    story.when(replace(same, file=file)).then(like(EvidenceSuperseded, evidence_hash=A, file=file))
    record = ProcessRecord("CASE-1")
    kept = story.ledger.recorder.read(as_query([record.selector()]))
    record = record.over([codec.decode(one.position, one.event.data) for one in kept])
    assert (record.steps[0].file, record.superseded) == (file, {})
    story.when(replace(same, file=file)).raises(Malformed, pointer="/evidence_hash")


@pytest.mark.parametrize(
    "command",
    [
        replace(STEP, evidence="EV-2"),
        SEAL,
        SUPERSEDE,
        AddEvidence(evidence="EV-3", case="CASE-1", kind="documentary", title="另一份", digest=B),
    ],
)
def test_no_file_is_recorded_once_the_files_were_erased(story: Scenario, command: Any) -> None:
    """An erasure that comes between the look at the file and the event; the digest alone is."""
    story.given(
        STEP, CaseFilesErased(case="CASE-1", entity=E_C, unit="MRB", reason="unlawful_processing")
    )
    kind = "video/mp4" if command is SEAL else "text/plain"
    file = StoredFile(size=9, media_type=kind)
    story.when(replace(command, file=file)).raises(OutOfStep, says="erased on 2026-06-")
    story.when(command).then(names_no_file)


def test_REC_V1_gaps_in_a_recording_are_found(story: Scenario) -> None:
    """Recorded with what they are; a gap lies within the recording."""
    gap = Gap(start=at("02T09:30"), end=at("02T09:40"))
    explained = Gap(start=at("02T10:00"), end=at("02T10:00:30"), reason="换电池")
    story.when(replace(SEAL, gaps=(gap, explained))).then(
        like(AvRecordSealed, evidence="AV-1"),
        like(
            FindingRaised,
            rule_id="REC-V1",
            unit="MRB",
            entity=E_C,
            facts={
                "case": "CASE-1",
                "recording": "AV-1",
                "gaps": 2,
                "seconds": 630,
                "unexplained": 1,
            },
        ),
    )
    story.when(replace(SEAL, evidence="AV-2")).then(AvRecordSealed)


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"end": at("02T08:00")}, "/end"),
        ({"end": at("09T08:00")}, "/end"),
        ({"gaps": (Gap(start=at("02T08:30"), end=at("02T09:10")),)}, "/gaps/0"),
        ({"gaps": (Gap(start=at("02T09:30"), end=at("02T09:30")),)}, "/gaps/0"),
    ],
)
def test_a_recording_has_a_time(story: Scenario, changed: dict[str, Any], pointer: str) -> None:
    """It ends after it starts, before now, and its gaps lie within."""
    story.when(replace(SEAL, **changed)).raises(Malformed, pointer=pointer)


def test_REC_V2_a_file_that_is_not_what_was_recorded(story: Scenario) -> None:
    """The check says both digests; after a supersession the new one counts."""
    check = CheckEvidence(evidence="EV-1", found_hash=A)
    story.when(check, JB).raises(UnknownReference)
    story.given(STEP).when(check, JB).then(like(EvidenceChecked, recorded_hash=A, found_hash=A))
    story.when(check, EMB).raises(Forbidden)
    story.given(SUPERSEDE).when(check).then(
        EvidenceChecked,
        like(
            FindingRaised,
            rule_id="REC-V2",
            unit="MRB",
            facts={"case": "CASE-1", "piece": "EV-1", "recorded": C, "found": A},
        ),
    )


def test_REC_V2_of_evidence_given_in_confidence_names_nobody(story: Scenario) -> None:
    """Whatever becomes of it is sealed as it is."""
    story.given(
        EvidenceAdded(
            evidence="EV-S",
            case="CASE-1",
            entity=E_C,
            unit="MRB",
            kind="testimony",
            title="举报人笔录",
            collected_on=date(2026, 6, 2),
            digest=A,
            confidential=True,
        )
    )
    story.when(CheckEvidence(evidence="EV-S", found_hash=B)).then(
        EvidenceChecked, like(FindingRaised, rule_id="REC-V2", entity=None)
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "sealed"


@pytest.mark.parametrize(
    ("name", "moment", "against"),
    [
        ("decide", "03T10:00", ["review"]),
        ("investigate", "06T10:00", ["review", "serve"]),
        ("execute", "06T10:00", []),
        ("review", "07T10:00", []),
    ],
)
def test_REC_V3_steps_begin_in_their_order(
    story: Scenario, name: Step, moment: str, against: list[str]
) -> None:
    """Reviewed on 06-04 and served on 06-05; a later piece of a step that began is in order."""
    story.given(step("review", date(2026, 6, 4)), step("serve", date(2026, 6, 5)))
    found = like(FindingRaised, rule_id="REC-V3", unit="MRB", entity=E_C)
    story.when(replace(STEP, step=name, taken_at=at(moment))).then(
        ProcessStepRecorded, *([found] if against else [])
    )
    assert story.outcome is not None
    if against:
        assert list(story.outcome.events[1].event.facts["against"]) == against  # type: ignore[attr-defined]


def test_a_closed_case_is_archived_once(story: Scenario) -> None:
    """With the number of its pieces; nothing is added after."""
    story.given(*decided(), *(step(name, date(2026, 6, 1)) for name in ALL_STEPS), SEAL)
    story.when(ARCHIVE).raises(OutOfStep, says="must be closed before")
    story.given(CLOSE).when(ARCHIVE, EMB).raises(Forbidden)
    story.when(ARCHIVE).then(like(CaseArchived, pieces=7, archived_on=date(2026, 6, 8)))
    story.when(ARCHIVE).raises(OutOfStep, says="2026-06-08")
    story.when(STEP).raises(OutOfStep, says="archived")


def test_putting_a_file_away_is_a_step_of_its_record() -> None:
    """Nothing can be added to it after, so that nothing is missing of its archiving."""
    record = ProcessRecord("CASE-1")
    assert "archive" not in record.recorded
    record.on_archived(
        CaseArchived(
            case="CASE-1",
            entity=E_B,
            unit="MRB",
            archive_no="9",
            digest=C,
            pieces=7,
            archived_on=date(2026, 6, 8),
        )
    )
    assert record.recorded == {"archive"}
