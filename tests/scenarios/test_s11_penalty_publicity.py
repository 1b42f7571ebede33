"""S11: penalties are published within seven working days, whatever the holidays do."""

from tests.cast import E_C
from tests.scenarios.world import CALENDAR_2027, World


async def test_s11_penalty_publicity(world: World) -> None:
    """Make-up days count, a provisional date is recomputed as an event and never missed before."""
    world.at("2026-09-28")
    await world.given_case("CASE-1", E_C)
    await world.send("MRB head", "penalties/decide-penalty", **world.decision("D-1", "CASE-1", E_C))
    deadline = await world.deadline("publicity.penalty_wd", about="decision:D-1")
    assert deadline["due_on"] == "2026-10-13"  # Saturday 10-10 is a working day
    assert deadline["provisional"] is False
    await world.refused(
        "PEN-R6", "MRB officer", "penalties/serve-penalty", decision="D-1", repair_notice=False
    )

    world.at("2026-12-28")
    await world.given_case("CASE-2", E_C)
    await world.send("MRB head", "penalties/decide-penalty", **world.decision("D-2", "CASE-2", E_C))
    deadline = await world.deadline("publicity.penalty_wd", about="decision:D-2")
    assert (deadline["due_on"], deadline["provisional"]) == ("2027-01-07", True)

    for day in ("2027-01-04", "2027-01-08", "2027-01-15"):
        world.at(day)
        missed = [rule for kind, rule in world.tick() if kind == "DeadlineMissed"]
        # D-1 was never published, and that is missed on the first of these days.
        assert missed.count("publicity.penalty_wd") == (day == "2027-01-04")
        deadline = await world.deadline("publicity.penalty_wd", about="decision:D-2")
        assert (deadline["state"], deadline["provisional"]) == ("open", True)

    await world.send("JB", "policies/publish-working-calendar", **CALENDAR_2027)
    recorded = world.tick()
    assert ("DeadlineRecomputed", "publicity.penalty_wd") in recorded
    deadline = await world.deadline("publicity.penalty_wd", about="decision:D-2")
    assert (deadline["due_on"], deadline["provisional"]) == ("2027-01-08", False)
    # It was past already by the new date: the next look finds it missed.
    assert ("DeadlineMissed", "publicity.penalty_wd") in [*recorded, *world.tick()]
    assert (await world.deadline("publicity.penalty_wd", about="decision:D-2"))["state"] == "missed"
