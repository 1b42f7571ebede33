"""The next year's calendar (2.18): called for in November, published from the notice's table."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.cli.calendar_commands import calendar_of
from api.cli.command_line import main
from ledger.intake.sources import SourceError
from ledger.opening import UnusableUrl
from tests.scenarios.world import CALENDAR_2027, E_C, World

_ROWS = [
    *(f"{day},放假" for day in CALENDAR_2027["holidays"]),  # type: ignore[attr-defined]
    *(f"{day},上班" for day in CALENDAR_2027["makeup_workdays"]),  # type: ignore[attr-defined]
]


def table(folder: Path, *rows: str, head: str = "日期,安排") -> Path:
    """A table of a calendar."""
    path = folder / "2027.csv"
    path.write_text("\n".join([head, *rows, ""]), "utf-8")
    return path


async def test_the_next_calendar_is_called_for_and_published(world: World, tmp_path: Path) -> None:
    """From 1 November it waits for JB; the table ends that, and provisional days become final."""
    world.at("2026-10-31 23:00")
    assert ("CalendarCalledFor", "") not in world.tick()
    world.at("2026-11-01 00:10")
    assert world.tick().count(("CalendarCalledFor", "")) == 1
    assert ("CalendarCalledFor", "") not in world.tick()
    [item] = await waiting(world)
    assert item["due_on"] == "2026-12-31"
    assert item["commands"][0]["prefilled"] == {"year": 2027}
    await world.given_matter("M-101", listed="2026-12-01", published="2026-12-02")
    world.at("2026-12-28")
    await world.given_case("CASE-1", E_C)
    await world.send("MRB head", "penalties/decide-penalty", **world.decision("D-1", "CASE-1", E_C))
    deciding = (await world.get("MRB head", "/v1/inbox", waits="penalties.decision-to-publish"))[
        "items"
    ]
    assert [(i["due_on"], i["provisional"]) for i in deciding] == [("2027-01-07", True)]
    token = tmp_path / "token"
    token.write_text(world.tokens["JB"], "utf-8")
    command = [
        "calendar",
        "publish",
        "2027",
        str(table(tmp_path, *_ROWS)),
        "--source",
        "国办发明电",
    ]
    service = str(world.client.make_url("/"))
    sent = [*command, "--service", service, "--token-file", str(token), "--json"]
    assert await asyncio.to_thread(ended, sent) == 0
    assert await waiting(world) == []
    world.tick()
    deadline = await world.deadline("publicity.penalty_wd")
    assert (deadline["due_on"], deadline["provisional"]) == ("2027-01-08", False)


def ended(command: list[str]) -> Any:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as end:
        main(command)
    return end.value.code


async def waiting(world: World) -> list[dict[str, Any]]:
    """What waits of calendars for the Justice Bureau."""
    query = {"waits": "policies.calendar-to-publish"}
    return list((await world.get("JB", "/v1/inbox", **query))["items"])


def test_a_table_says_what_the_command_takes(tmp_path: Path) -> None:
    """The table of the notice is the body of the documented command."""
    made = msgspec.to_builtins(calendar_of(2027, table(tmp_path, *_ROWS), "国办发明电〔2026〕X号"))
    assert {name: list(made[name]) for name in ("holidays", "makeup_workdays")} == {
        name: CALENDAR_2027[name] for name in ("holidays", "makeup_workdays")
    }


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["2027-1-1,放假"], "line 2: the cell must be a day"),
        (["2027-01-01,休息"], "line 2: the cell must be one of"),
        (["2027-01-01,放假", "2027-01-01,放假"], "line 3: 2027-01-01 must stand in the table once"),
        (["2028-01-01,放假"], "2028-01-01"),
        (["2027-02-05,放假"], "2027-01-01 is a statutory holiday"),
    ],
)
def test_a_table_that_is_no_calendar_says_why(tmp_path: Path, rows: list[str], says: str) -> None:
    """The line and the reason; nothing is sent."""
    with pytest.raises(UnusableUrl, match=says):
        calendar_of(2027, table(tmp_path, *rows), "国办发明电")


def test_a_table_without_its_columns(tmp_path: Path) -> None:
    """A column that is missing is named."""
    with pytest.raises(SourceError, match="安排"):
        calendar_of(2027, table(tmp_path, "2027-01-01", head="日期"), "国办发明电")
