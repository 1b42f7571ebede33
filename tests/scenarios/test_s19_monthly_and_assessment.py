"""S19: a park's May, late by a day; a figure that is typed; and what may not be rewarded."""

from __future__ import annotations

from typing import Any

from tests.cast import E_C
from tests.scenarios.world import World, types

OFFICERS = ["OFF-021", "OFF-022"]
CERTS = ["甘C-021", "甘C-022"]
VISITS = 43


async def _given_park(world: World) -> None:
    """A park that enforces, with two officers; it and MRB report from May on."""
    world.at("2026-01-05")
    await world.send(
        "JB", "catalogue/qualify-unit",
        unit="PARK", name="秦川园区管委会", kind="authorised_org", valid_from="2020-01-01",
    )  # fmt: skip
    for officer, cert in zip(OFFICERS, CERTS, strict=True):
        await world.send(
            "JB", "catalogue/certify-officer",
            officer=officer, unit="PARK", cert_no=cert, domains=["food_drug"],
            valid_from="2024-08-01", valid_to="2027-07-31",
        )  # fmt: skip
    world.at("2026-04-28")
    await world.send(
        "RLO", "progress/enrol-reporting-unit", unit="PARK", groups=["parks"], since="2026-05"
    )
    await world.send(
        "JB", "progress/enrol-reporting-unit",
        unit="MRB", groups=["enforcement_units"], since="2026-05",
    )  # fmt: skip


async def _given_visits(world: World, count: int) -> None:
    """Complaint visits of the park in May, three a day, from filing to conclusion."""
    await world.given_matter("M-301", unit="PARK", listed="2026-05-06", published="2026-05-07")
    days = [f"2026-05-{11 + number // 3:02}" for number in range(count)]
    world.at("2026-05-08")
    for number, day in enumerate(days):
        task = f"T-{number:02}"
        await world.send(
            "PARK legal",
            "filing/file-special-inspection",
            **world.filing(f"F-{task}", unit="PARK", matters=["M-301"], entity=E_C),
        )
        await world.send(
            "PARK head",
            "filing/approve-task",
            **world.task(
                task, E_C, day, unit="PARK", matters=["M-301"], officers=OFFICERS,
                kind="case", trigger="complaint", filing=f"F-{task}",
            ),
        )  # fmt: skip
    for number, day in enumerate(days):
        await world.visit(
            f"T-{number:02}", day, who="PARK officer", officers=OFFICERS, certs_shown=CERTS
        )


def _report(world: World, **changed: Any) -> dict[str, Any]:
    """The park's report on task 2 for May, as of now."""
    return {
        "unit": "PARK",
        "month": "2026-05",
        "task_no": 2,
        "ledger_cutoff_position": world.recorder.head(),
        "narrative": "开展食品安全投诉核查",
        **changed,
    }


async def test_s19_monthly_ledger(world: World) -> None:
    """Warned on Friday, late by one day; 40 for 43 is refused, then disputed, accepted, marked."""
    await _given_park(world)
    world.at("2026-05-01 00:05")
    opened = world.tick()
    assert opened.count(("ReportingMonthOpened", "")) == 8 + 9  # a park has no part in task 1
    assert ("ReportingMonthOpened", "") not in world.tick(), "a month opens once"
    await _given_visits(world, VISITS)

    # The warning is for Friday the 29th, since the month ends on a Sunday.
    warned = (await world.get("PARK committee", "/v1/reports", warn_on="2026-05-29"))["items"]
    assert [item["opened"]["task_no"] for item in warned] == [*range(2, 10)]
    assert {(w["opened"]["due_on"], w["stage"]) for w in warned} == {("2026-05-31", "open")}
    deadline = await world.deadline("ledger.month_end", about="report:2026-05.2.PARK")
    assert (deadline["due_on"], deadline["provisional"]) == ("2026-05-31", False)

    world.at("2026-05-31 23:50")
    assert ("DeadlineMissed", "ledger.month_end") not in world.tick()

    world.at("2026-06-01 09:00")
    filled = await world.get("PARK committee", "/v1/progress/PARK/2026-05")
    assert filled["cutoff_position"] == world.recorder.head()
    figures = {m["name"]: m["value"] for m in filled["tasks"][1]["metrics"]}
    assert (figures["inspections"], figures["results_notified"]) == (VISITS, 0)
    assert filled["reports"][0] == {
        "task_no": 2,
        "part": "responsible",
        "stage": "open",
        "warn_on": "2026-05-29",
        "due_on": "2026-05-31",
    }

    typed = _report(world, metrics={"inspections": 40})
    problem = await world.refused(
        "LDG-R1", "PARK committee", "progress/submit-progress-ledger", **typed
    )
    assert (problem["details"]["stated"], problem["details"]["computed"]) == (40, VISITS)
    problem = await world.refused(
        "LDG-R2", "PARK committee", "progress/submit-progress-ledger", **_report(world, task_no=1)
    )
    assert (problem["policy_key"], problem["policy_version"]) == ("ledger.responsibilities", 1)

    cutoff = world.recorder.head()
    await world.send(
        "PARK committee",
        "progress/dispute-metric",
        unit="PARK",
        month="2026-05",
        task_no=2,
        metric="inspections",
        stated=40,
        ledger_cutoff_position=cutoff,
        reason="三次为邻区误录",
    )
    answer = await world.send("PARK committee", "progress/submit-progress-ledger", **typed)
    body = answer["events"][0]["body"]
    assert types(answer) == ["progress.progress-ledger-submitted"]
    assert (body["days_late"], body["disputed"]) == (1, ["inspections"])
    assert (body["metrics"]["inspections"], body["computed"]["inspections"]) == (40, VISITS)
    await world.send("JB", "progress/accept-ledger", report="2026-05.2.PARK")
    report = await world.get("PARK head", "/v1/reports/2026-05.2.PARK")
    assert (report["stage"], report["days_late"]) == ("accepted", 1)
    assert report["submitted"]["disputed"] == ["inspections"]
    assert report["disputes"]["inspections"]["reason"] == "三次为邻区误录"

    # One miss for each report that was owed; the one that came late among them.
    recorded = world.tick()
    assert recorded.count(("DeadlineMissed", "ledger.month_end")) == 8 + 9
    assert recorded.count(("FindingRaised", "LDG-V1")) == 8 + 9
    assert ("DeadlineMissed", "ledger.month_end") not in world.tick()
    assert len(await world.findings(rule_id="LDG-V1", unit="PARK")) == 8
    assert (await world.get("JB", "/v1/reports", month="2026-06", unit="PARK"))["items"]
    assert world.rebuilt() == []


async def test_s19_who_reads_a_report(world: World) -> None:
    """The unit itself, the bureau and the rule-of-law office; nobody else."""
    await _given_park(world)
    world.at("2026-05-01 00:05")
    world.tick()
    for who in ("JB", "RLO", "PARK head", "PARK committee"):
        items = (await world.get(who, "/v1/reports", unit="PARK"))["items"]
        assert len(items) == 8, who
        await world.get(who, "/v1/reports/2026-05.2.PARK")
        await world.get(who, "/v1/progress/PARK/2026-05")
        units = (await world.get(who, "/v1/reporting-units"))["items"]
        assert len(units) == (2 if who in ("JB", "RLO") else 1)
    for who in ("MRB head", "EDB"):
        assert (await world.get(who, "/v1/reports", unit="PARK"))["items"] == []
        await world.hidden(who, "/v1/reports/2026-05.2.PARK", 404)
        await world.hidden(who, "/v1/progress/PARK/2026-05", 404)
    for who, status in (("E-A", 403), ("", 401)):
        for path in ("reports", "reports/2026-05.2.PARK", "progress/PARK/2026-05", "scores"):
            await world.hidden(who, f"/v1/{path}", status)
    await world.hidden("JB", "/v1/progress/PARK/2026-13", 400)
    await world.hidden("JB", "/v1/progress/NONE/2026-05", 404)
    await world.hidden("JB", f"/v1/progress/PARK/2026-05?cutoff={10**9}", 400)


async def test_s19_a_month_that_the_clock_slept_through(world: World) -> None:
    """It is opened all the same, and what was owed in it is missed once."""
    await _given_park(world)
    world.at("2026-07-02 00:05")
    opened = world.tick()
    assert opened.count(("ReportingMonthOpened", "")) == 3 * (8 + 9)
    assert world.tick().count(("DeadlineMissed", "ledger.month_end")) == 2 * (8 + 9)
    assert world.tick() == []


def _indicator(code: str, weight: str, **changed: Any) -> dict[str, Any]:
    return {
        "code": code,
        "weight": weight,
        "direction": "higher",
        "formula": {
            "of": ["penalties_published_in_time"],
            "per": ["penalties_published"],
            "nil": "0.5",
            "full": "1",
        },
        "three_systems": True,
        **changed,
    }


def _findings_open(weight: str) -> dict[str, Any]:
    return {
        "code": "findings_open",
        "weight": weight,
        "direction": "lower",
        "formula": {"of": ["findings_open"], "nil": "10", "full": "0"},
    }


async def test_s19_assessment(world: World) -> None:
    """No fines per officer, no lighter three systems; and the same position, the same score."""
    await _given_park(world)
    world.at("2026-04-29")  # a year that began without a scheme gets its first
    for unit in ("PARK", "MRB"):
        for kind, address in (("mailbox", "ts@example.gov.cn"), ("phone", "0931-8250009")):
            await world.send(
                f"{unit} head", "channels/publish-complaint-channel",
                channel=f"CH-{unit}-{kind}", unit=unit, kind=kind, address=address, hours="工作日",
            )  # fmt: skip
    adopt = "assessment/adopt-assessment-scheme"
    fines = _indicator("fines_per_officer", "20", title="fines per officer")
    fines["formula"] = {"of": ["fines"], "per": ["officers"], "nil": "0", "full": "100"}
    problem = await world.refused(
        "ASM-R1", "RLO", adopt, year="2026", indicators=[fines, _findings_open("80")]
    )
    assert problem["policy_key"] == "assessment.forbidden_terms"
    await world.refused(
        "ASM-R2", "RLO", adopt,
        year="2026", indicators=[_indicator("in_time", "20"), _findings_open("79")],
    )  # fmt: skip
    good = [_indicator("in_time", "20"), _findings_open("80")]
    await world.send("RLO", adopt, year="2026", indicators=good)
    await world.refused("ASM-R4", "RLO", adopt, year="2026", indicators=good)
    problem = await world.refused(
        "ASM-R3", "RLO", adopt,
        year="2027", indicators=[_indicator("in_time", "15"), _findings_open("85")],
    )  # fmt: skip
    assert (problem["details"]["weight"], problem["details"]["last"]) == ("15", "20")
    listed = (await world.get("PARK head", "/v1/indicators", year="2026"))["items"]
    assert [item["indicator"] for item in listed] == ["2026.findings_open", "2026.in_time"]

    world.at("2026-05-01 00:05")
    world.tick()  # what is owed for May and is not reported is found on 1 June
    world.at("2026-06-01 00:05")
    world.tick()
    world.at("2027-01-11")
    cutoff = world.recorder.head()
    run = {"year": "2026", "unit": "PARK", "cutoff_position": cutoff}
    answer = await world.send("RLO", "assessment/run-assessment", **run)
    scored = answer["events"][0]["body"]
    # Eight findings are open of ten: a fifth of the points; the park has published no penalty.
    assert scored["total"] == "20.00"
    again = await world.send("RLO", "assessment/run-assessment", expect=409, **run)
    assert "same score" in again["detail"]
    for who in ("RLO", "PARK head"):
        rerun = await world.get(who, "/v1/scores/2026.PARK/rerun", cutoff=cutoff)
        assert (rerun["same"], rerun["total"], rerun["scores"]) == (
            True,
            scored["total"],
            scored["scores"],
        )
    # What happens later changes the score of later positions only.
    world.at("2027-01-13")
    await world.send(
        "JB", "supervision/raise-finding",
        rule_id="LDG-V3", type="empty_report", unit="PARK",
        occurred_at="2026-12-30T10:00:00+08:00",
    )  # fmt: skip
    later = await world.get("RLO", "/v1/scores/2026.PARK/rerun", cutoff=world.recorder.head())
    # One finding more, and one that it was entered late (GEN-V1): ten are open.
    assert (later["total"], later.get("same")) == ("0.00", None)
    rerun = await world.get("RLO", "/v1/scores/2026.PARK/rerun")
    assert (rerun["cutoff_position"], rerun["same"], rerun["total"]) == (cutoff, True, "20.00")

    await world.hidden("MRB head", "/v1/scores/2026.PARK", 404)
    await world.hidden("MRB head", "/v1/scores/2026.PARK/rerun", 404)
    assert (await world.get("MRB head", "/v1/scores"))["items"] == []
    assert (await world.get("PARK head", "/v1/scores/2026.PARK"))["stage"] == "scored"
    await world.hidden("", "/v1/assessments/2026", 404)

    await world.send(
        "RLO", "assessment/run-assessment", year="2026", unit="MRB", cutoff_position=cutoff
    )
    await world.send("RLO", "assessment/publish-assessment", year="2026")
    public = await world.get("E-A", "/v1/assessments/2026")
    assert [(s["unit"], s["total"], s["cutoff_position"]) for s in public["scores"]] == [
        ("MRB", "10.00", cutoff),
        ("PARK", "20.00", cutoff),
    ]
    assert world.rebuilt() == []
