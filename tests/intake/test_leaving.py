"""A register that says that a business left: the same follows as from the command's report."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.intake.claims import Delists
from ledger.intake.commands import ImportRow, ImportRows
from ledger.intake.events import ImportProgressed, ImportStarted
from ledger.intake.run import import_register
from ledger.kernel import Command, Event, Recorded, Unavailable, codec
from ledger.opening import blobs_folder
from ledger.stores.blobs import Blobs
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.draws import uvdraw
from ledger.systems.draws.commands import SelectTargets
from ledger.systems.draws.events import DrawTargetExempted, DrawTargetSelected
from ledger.systems.entities.commands import ReenterEntity
from ledger.systems.entities.events import EntityLeftRegister, EntityRegistered, Identity
from ledger.systems.entities.folds import Registration
from ledger.systems.filing.events import InspectionCancelled
from tests.gwt import Scenario, on
from tests.intake.registers import OPERATOR, change, sf_register
from tests.systems.draw_story import (
    ANNOUNCE,
    COORDINATOR,
    DRAW,
    EXECUTE,
    FREEZE,
    FREEZE_OFFICERS,
    HEAD,
    MATTER_LIST,
    RATIOS,
    REVEAL,
    drawn,
    frozen,
    given_matters,
    replace,
)
from tests.systems.test_leaving import DELIST, EDB, SPARE_C, C, reserves, task
from tests.systems.test_leaving import story as planned

IMPORT = ImportRows(
    import_id="register/changes/1",
    mapping="register",
    file="changes.csv",
    digest="ab" * 32,
    bytes=9,
    first=0,
    rows=(
        ImportRow(
            line=2,
            digest="cd" * 32,
            claims=(Delists(entity=C, reason="注销登记", on=date(2026, 9, 16)),),
        ),
    ),
)


def a_story() -> Scenario:
    """What the tests of the command are given."""
    return planned.__wrapped__()  # type: ignore[attr-defined,no-any-return]


def followed(story: Scenario, command: Command, actor: Any) -> list[tuple[str, Any, Any]]:
    """What a report brought about: type, in whose name, and body; the report itself left out."""
    story.when(command, actor)
    assert story.outcome is not None
    return [
        (record.envelope.type, record.envelope.actor.unit_id, _words_apart(record.event))
        for record in story.outcome.events
        if not isinstance(record.event, EntityLeftRegister | ImportStarted | ImportProgressed)
    ]


def _words_apart(event: Event) -> Any:
    """The body, with the same words for the way of leaving, which a register does not say."""
    text = msgspec.json.encode(event).decode()
    return msgspec.json.decode(text.replace("left the register", "was deregistered"))


def test_an_imported_leaving_carries_what_a_reported_one_does() -> None:
    """Exemption and reserve, visits, joint visits, designation, observation: all in one append."""
    called = reserves(SPARE_C)
    reported = followed(a_story(), replace(DELIST, reserves=called), EDB)
    imported = followed(a_story(), replace(IMPORT, reserves=called), OPERATOR)
    assert len(imported) >= 7
    assert imported == reported


def test_an_imported_leaving_waits_for_its_reserves() -> None:
    """Without those that move up, nothing is recorded."""
    a_story().when(IMPORT, OPERATOR).raises(Unavailable)


@pytest.mark.parametrize("imported", [True, False])
def test_a_leaving_before_a_known_reentry_takes_nothing_away(*, imported: bool) -> None:
    """It is back, and what is planned is planned for a listed business."""
    story = a_story()
    earlier = replace(DELIST, left_on=date(2026, 9, 1), kind="licence_revoked")
    story.given(replace(earlier, reserves=reserves(SPARE_C)), actor=EDB)
    story.given(ReenterEntity(entity=C, reason="重新登记", listed_on=date(2026, 9, 10)), actor=EDB)
    story.given(on("2026-09-12", task("T-NEW")))
    late = replace(IMPORT, rows=(_leaving(date(2026, 9, 5)),))
    command: Command = late if imported else replace(DELIST, left_on=date(2026, 9, 5))
    assert followed(story, command, OPERATOR if imported else EDB) == []
    now = story.ledger._memory.fold(Registration(C))
    assert now.listed


def _leaving(day: date) -> ImportRow:
    claim = Delists(entity=C, reason="注销登记", on=day)
    return ImportRow(line=2, digest="cd" * 32, claims=(claim,))


def test_a_whole_import_finds_the_reserves(tmp_path: Path) -> None:
    """Three of four drawn from one stratum leave in one file; each is followed by the next."""
    names = [f"sf-food:{number}" for number in range(1, 9)]
    entries: list[uvdraw.Entry] = [{"uscc": name, "grade": "C"} for name in names]
    outcome, lines = drawn(entries, RATIOS, reserves=4)
    path = tmp_path / "ledger.db"
    with SQLiteRecorder(path) as recorder:
        story = given_matters(Scenario(recorder))
        for name in names:
            story.given(on("2026-01-05", EntityRegistered(entity=name, identity=Identity())))
        whole = frozen(entries)
        roster = replace(FREEZE, frozen=whole)
        story.given(MATTER_LIST, actor=HEAD).given(roster, FREEZE_OFFICERS, actor=COORDINATOR)
        story.given(replace(ANNOUNCE, reserves=4), actor=COORDINATOR)
        story.at("2026-07-20T16:00+08:00").given(REVEAL, actor=COORDINATOR)
        execute = replace(EXECUTE, roster_hash=whole.roster_hash, outcome=outcome)
        chosen = SelectTargets(draw=DRAW, lines=tuple(line for line in lines if line.rank <= 4))
        story.given(execute, chosen, actor=COORDINATOR)
        content = b"[" + b",".join(uvdraw.line(_bare(line)) for line in lines) + b"]"
        assert Blobs(blobs_folder(path)).put(content) == outcome.selection_hash
        story.given(on("2026-08-01", task("T-1", lines[0].uscc)))
        story.at("2026-09-16T10:00+08:00")
        # The first reserve leaves as well, before it is called.
        rows = [
            change("business_left_register", detected="2026-09-15", business_id=_number(name))
            for name in (lines[4].uscc, lines[0].uscc, lines[1].uscc, lines[2].uscc)
        ]
        folder = sf_register(tmp_path / "register", changes=rows)
        report = import_register(story.ledger, "sf-food", folder, actor=OPERATOR)
        assert report.rejects == {}
        assert report.recorded[EntityLeftRegister.TOPIC] == 4
        assert report.recorded[InspectionCancelled.TOPIC] == 1
        exempted, selected = (
            [record.event for record in _records(recorder) if isinstance(record.event, kind)]
            for kind in (DrawTargetExempted, DrawTargetSelected)
        )
        # The first reserve had left before it was called, and is passed over at once.
        assert [one.replaced_by for one in exempted] == [
            f"{DRAW}/C/5",
            f"{DRAW}/C/6",
            f"{DRAW}/C/7",
            f"{DRAW}/C/8",
        ]
        assert len({one.target for one in selected}) == len(selected) == 8
        # Again, nothing is new.
        again = import_register(story.ledger, "sf-food", folder, actor=OPERATOR)
        assert again.recorded == {}


def _records(recorder: SQLiteRecorder) -> list[Recorded]:
    return [codec.decode(one.position, one.event.data) for one in recorder.read()]


def _bare(line: Any) -> uvdraw.Entry:
    fields = ("uscc", "stratum", "ticket", "rank", "inclusion_prob")
    return {name: getattr(line, name) for name in fields}


def _number(name: str) -> str:
    return name.removeprefix("sf-food:")
