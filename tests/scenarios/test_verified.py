"""Verification makes draws, months and scores again: each is named when it comes out otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

import msgspec

from ledger.kernel import Event, codec
from ledger.kernel.events import Fact
from ledger.systems.assessment.events import (
    AssessmentPublished,
    AssessmentRunCompleted,
    PublishedScore,
)
from ledger.systems.catalogue.events import MatterPublished
from ledger.systems.draws import uvdraw
from ledger.systems.draws.events import (
    DrawAnnounced,
    DrawCommitmentRevealed,
    DrawExecuted,
    DrawSeedRevealed,
    DrawTargetSelected,
)
from ledger.systems.draws.folds import DrawState
from ledger.systems.draws.making import drawn
from ledger.systems.progress.events import ProgressLedgerSubmitted
from ledger.systems.progress.metrics import metrics_of
from ledger.verification import Files, Verification, verify_ledger
from tests.cast import PREFIX
from tests.scenarios.drawing import (
    DRAW,
    OPERATOR,
    ROSTER_HASH,
    announcement,
    given_roster,
    given_seed,
    values,
)
from tests.scenarios.world import World

E = TypeVar("E", bound=Event)

replace = msgspec.structs.replace


def verified(world: World) -> Verification:
    """Everything beside the service, while it runs."""
    return verify_ledger(Files.of(world.path))


def recorded(world: World, kind: type[E]) -> E:
    """The last event of a type."""
    found = [codec.decode(s.position, s.event.data).event for s in world.recorder.read()]
    return [event for event in found if isinstance(event, kind)][-1]


async def given_draw(world: World) -> None:
    """The draw of S4, executed."""
    await given_roster(world)
    await given_seed(world)
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)


async def test_a_draw(world: World) -> None:
    """A draw that comes out the same is counted; its roster and selection have to be there."""
    await given_draw(world)
    found = verified(world)
    assert (found.faults, found.counts["draws"]) == ((), 1)

    executed = recorded(world, DrawExecuted)
    for digest, what in ((ROSTER_HASH, "its roster"), (executed.selection_hash, "")):
        piece = world.path.with_name(world.path.name + ".blobs") / digest[:2] / digest
        content = piece.read_bytes()
        piece.write_bytes(content.replace(b"0", b"1", 1))
        (fault,) = verified(world).faults
        assert fault.where == f"draw {DRAW}"
        assert what in fault.what
        assert "is damaged" in fault.what
        piece.unlink()
        (fault,) = verified(world).faults
        assert "is missing" in fault.what
        piece.write_bytes(content)
    assert verified(world).faults == ()


async def test_a_target_that_was_not_drawn(world: World) -> None:
    """A business in another's place is named with the event that put it there."""
    await given_draw(world)
    target = recorded(world, DrawTargetSelected)
    world.given(replace(target, entity=PREFIX + "00413"))
    (fault,) = verified(world).faults

    assert (fault.where, fault.position) == (f"draw {DRAW}", world.recorder.head())
    assert fault.what == f"{PREFIX}00413 was not drawn for {target.target}"


async def test_a_reserve_in_a_place_of_its_own(world: World) -> None:
    """A reserve comes in somebody's place, or not at all."""
    await given_draw(world)
    executed = recorded(world, DrawExecuted)
    selection = msgspec.json.decode(world.service.blobs.get(executed.selection_hash))
    (reserve,) = (one for one in selection if (one["stratum"], one["rank"]) == ("A", 2))
    target = recorded(world, DrawTargetSelected)
    world.given(
        replace(
            target,
            target=f"{DRAW}/A/2",
            entity=reserve["uscc"],
            stratum="A",
            rank=2,
            ticket=reserve["ticket"],
            inclusion_prob=reserve["inclusion_prob"],
        )
    )
    (fault,) = verified(world).faults

    assert fault.what == f"{DRAW}/A/2 takes a place that is not its own"


async def test_a_draw_that_was_made_otherwise(world: World) -> None:
    """What was recorded of the draw is not what its roster and seed give."""
    await given_draw(world)
    executed = recorded(world, DrawExecuted)
    other = "d" * 64
    world.given(replace(executed, selection_root=other))
    (fault,) = verified(world).faults

    assert f"selection_root is {other}; made again it is {executed.selection_root}" in fault.what


async def test_another_seed(world: World) -> None:
    """The seed is the values of the announced sources, and nothing else."""
    await given_draw(world)
    revealed = recorded(world, DrawSeedRevealed)
    for changed, what in (
        ({"seed": "20260719"}, "its seed is not the values of its sources"),
        ({"values": revealed.values[::-1]}, "not made of the announced sources, in their order"),
        (
            {"values": (replace(revealed.values[0], revealed=False), *revealed.values[1:])},
            "its fallback was not used",
        ),
    ):
        world.given(replace(revealed, **changed))
        (fault,) = verified(world).faults
        assert what in fault.what
        world.given(revealed)


async def test_a_secret_that_was_revealed_after_its_time(world: World) -> None:
    """Whoever recorded it let the party choose, with the public values before its eyes."""
    await given_roster(world)
    world.at("2026-07-16 10:00")
    party = {
        "name": "商会",
        "kind": "commitment",
        "publication_at": "2026-07-19T12:00:00+08:00",
        "commitment": sha256("牡丹".encode()).hexdigest(),
        "fallback": "无",
    }
    body = announcement()
    body["sources"].append(party)
    await world.send(OPERATOR, "draws/announce-draw", **body)
    world.at("2026-07-20 16:00")
    late = {"draw": DRAW, "source": "商会", "value": "牡丹"}
    await world.refused("DRW-R1", OPERATOR, "draws/reveal-commitment", **late)
    world.given(DrawCommitmentRevealed(unit="MRB", **late))
    await world.send(OPERATOR, "draws/reveal-seed", **values())
    (fault,) = verified(world).faults
    assert "商会 revealed its value at 2026-07-20T08:00" in fault.what


async def test_another_roster_than_was_frozen(world: World) -> None:
    """An announcement speaks of the roster as it was frozen."""
    await given_draw(world)
    announced = recorded(world, DrawAnnounced)
    world.given(replace(announced, draw="DRAW-X", roster_count=13))
    world.given(replace(announced, draw="DRAW-Y", officer_roster_hash="e" * 64))
    world.given(replace(announced, draw="DRAW-Z"))
    assert [(f.where, f.what.split(" than")[0]) for f in verified(world).faults] == [
        ("draw DRAW-X", "it announced another roster"),
        ("draw DRAW-Y", "it announced other officers"),
    ]


async def test_drawn_and_recorded_nowhere(world: World) -> None:
    """Whoever leaves out somebody who was drawn is found; just after the draw it is a remark."""
    await given_draw(world)
    announced, revealed = recorded(world, DrawAnnounced), recorded(world, DrawSeedRevealed)
    executed = recorded(world, DrawExecuted)
    before = (replace(announced, draw="DRAW-X"), replace(revealed, draw="DRAW-X"))
    world.given(*before)
    roster = world.service.blobs.get(ROSTER_HASH)
    state = world.service.follower.source.records([DrawState("DRAW-X").selector()])
    made = drawn(DrawState("DRAW-X").over(state), roster)
    world.service.blobs.put(uvdraw.roster_bytes(made.lines))
    outcome = {name: getattr(made.outcome, name) for name in made.outcome.__struct_fields__}
    world.given(replace(executed, draw="DRAW-X", **outcome))
    found = verified(world)
    assert found.faults == ()
    assert any("5 of 5 targets drawn are not recorded yet" in remark for remark in found.remarks)

    world.at("2026-07-21 09:00")
    world.given(announced)
    faults = verified(world).faults
    assert {fault.where for fault in faults} == {"draw DRAW-X"}
    assert [fault.what.split(" ")[0] for fault in faults] == [
        f"DRAW-X/{place}" for place in ("A/1", "B/1", "C/1", "D/1", "D/2")
    ]


async def test_a_month(world: World) -> None:
    """A month is added up again at its cutoff; what differs without a dispute is named."""
    await world.given_matter("M-101")
    figures = {metric.name: 0 for metric in metrics_of(1)}
    figures |= {"matters_published": 1, "matters_published_in_time": 1}
    good = ProgressLedgerSubmitted(
        report="2026-01.1.MRB",
        unit="MRB",
        month="2026-01",
        task_no=1,
        metrics=figures,
        computed=figures,
        ledger_cutoff_position=world.recorder.head(),
    )
    more = {**figures, "matters_published": 2}
    disputed = replace(good, metrics=more, disputed=("matters_published",))
    world.given(good, disputed)
    # What comes later, and before the cutoff of others, changes nothing.
    await world.given_matter("M-102", listed="2026-01-07", published="2026-01-08")
    found = verified(world)
    assert (found.faults, found.counts["monthly reports"]) == ((), 2)

    world.given(replace(good, metrics=more), replace(good, computed=more, metrics=more))
    head = world.recorder.head()
    faults = verified(world).faults
    assert [(f.where, f.position) for f in faults] == [
        ("report 2026-01.1.MRB", head - 1),
        ("report 2026-01.1.MRB", head),
    ]
    assert "matters_published is stated as 2 without a dispute" in faults[0].what
    assert f"up to position {good.ledger_cutoff_position} give 1" in faults[0].what
    assert "matters_published was computed as 2" in faults[1].what


async def test_a_month_with_an_event_that_no_command_gives(world: World) -> None:
    """What cannot be counted is a fault that says so, and what else there is is looked at."""
    await world.given_matter("M-101")
    published = recorded(world, MatterPublished)
    never = datetime.max.replace(tzinfo=UTC)
    fact = Fact(replace(published, matter="M-102"), occurred_at=never)
    world.given(fact)  # type: ignore[arg-type]
    world.given(
        ProgressLedgerSubmitted(
            report="2026-01.1.MRB",
            unit="MRB",
            month="2026-01",
            task_no=1,
            metrics={},
            computed={},
            ledger_cutoff_position=world.recorder.head(),
        )
    )
    found = verified(world)

    assert [fault.where for fault in found.faults] == ["monthly reports"]
    assert "scores" in found.counts


async def test_a_score(world: World) -> None:
    """A score is run again by the scheme of its time, at its cutoff."""
    world.at("2026-04-28")
    await world.send(
        "JB", "progress/enrol-reporting-unit",
        unit="MRB", groups=["enforcement_units"], since="2026-05",
    )  # fmt: skip
    await world.send(
        "RLO", "assessment/adopt-assessment-scheme",
        year="2026",
        indicators=[
            {
                "code": "findings_open",
                "weight": "100",
                "direction": "lower",
                "formula": {"of": ["findings_open"], "nil": "10", "full": "0"},
            }
        ],
    )  # fmt: skip
    world.at("2027-01-11")
    cutoff = world.recorder.head()
    await world.send(
        "RLO", "assessment/run-assessment", year="2026", unit="MRB", cutoff_position=cutoff
    )
    found = verified(world)
    assert (found.faults, found.counts["scores"]) == ((), 1)

    run = recorded(world, AssessmentRunCompleted)
    world.given(
        replace(run, total="99.00"),
        replace(run, scores=()),
        replace(run, scheme_version=2),
        AssessmentPublished(
            year="2026",
            scores=(
                PublishedScore(score=run.score, unit="MRB", total="98.00", cutoff_position=cutoff),
            ),
            published_on=world.now.date(),
        ),
    )
    faults = verified(world).faults
    assert {fault.where for fault in faults} == {"score 2026.MRB"}
    assert [fault.what for fault in faults] == [
        f"its total is 99.00, but the events up to position {cutoff} give 100.00",
        f"run again at position {cutoff} its indicators differ",
        "its scheme is not the one of its year",
        "the published score differs from the newest run",
    ]
