"""The take-on day (2.18), through HTTP: what an older system held goes on here as if it had begun
here, with its own days, and nobody is blamed for what was due before.
"""

from __future__ import annotations

import asyncio
import csv
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli.command_line import main
from tests.scenarios.test_s15_repair import commitment
from tests.scenarios.world import E_B, E_C, E_D, World, rules, types

DOCS = Path(__file__).resolve().parents[2] / "docs" / "take-on.md"

OPEN: dict[str, Any] = {
    "takeon": "TAKEON-2026",
    "source": "penalty-system-2019",
    "day": "2026-07-01",
    "says": "旧处罚系统停用",
}
PENALTY: dict[str, Any] = {
    "takeon": "TAKEON-2026",
    "ref": "CF-381",
    "unit": "MRB",
    "entity": E_B,
    "doc_no": "兰新市监罚〔2026〕12号",
    "decided_on": "2026-04-20",
    "types": ["fine"],
    "severity": "general",
    "facts": "经营超过保质期的食品",
    "fine_fen": 500_000,
    "served_on": "2026-04-24",
    "payments": [{"paid_on": "2026-05-06", "amount_fen": 500_000, "receipt_no": "R-1"}],
    "published_on": "2026-05-20",
    "channels": ["credit_china", "unit_site"],
    "summary": "经营超过保质期的食品, 罚款五千元",
    "decision": "DEC-1",
    "record": "CR-1",
    "case": "CASE-1",
}
COMMITMENT: dict[str, Any] = {
    "takeon": "TAKEON-2026",
    "ref": "CN-7",
    "unit": "MRB",
    "entity": E_B,
    "type": "approval_substitute",
    "text_hash": "ab" * 32,
    "made_on": "2026-03-02",
    "obligations": [
        {"obligation": "O-1", "due_on": "2026-06-01"},
        {"obligation": "O-2", "due_on": "2026-07-06"},
    ],
    "public": True,
    "commitment": "CMT-7",
}
DESIGNATION: dict[str, Any] = {
    "takeon": "TAKEON-2026",
    "ref": "ZD-3",
    "unit": "MRB",
    "entity": E_B,
    "matters": ["M-101"],
    "reason": "两年内三次同类问题",
    "tracking_officer": "OFF-001",
    "guidance_plan": "GP-1",
    "designated_on": "2025-10-09",
    "review_on": "2026-10-09",
    "notice_no": "兰新市监告〔2025〕1号",
    "notified_on": "2025-10-10",
    "designation": "KEY-1",
}
DEADLINE: dict[str, Any] = {
    "takeon": "TAKEON-2026",
    "ref": "JD-9",
    "unit": "MRB",
    "concerns": "supervision",
    "says": "答复监督意见书",
    "started_on": "2026-06-24",
    "due_on": "2026-07-08",
    "basis": {"instrument": "行政执法监督条例"},
    "duty": "DUTY-1",
}
FACTS = {
    "takeon/take-on-penalty": PENALTY,
    "takeon/take-on-commitment": COMMITMENT,
    "takeon/take-on-designation": DESIGNATION,
    "takeon/take-on-deadline": DEADLINE,
}
BUSINESS = f"/v1/entities/{E_B}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The region on its take-on day; nobody has graded its businesses here."""
    async with World(tmp_path) as world:
        await world.given_region(ungraded=(E_B, E_C, E_D))
        await world.given_matter("M-101")
        world.at("2026-07-01")
        await world.send("JB", "takeon/open-take-on", **OPEN)
        yield world


async def take_on(world: World, command: str, **changed: Any) -> dict[str, Any]:
    """MRB's head enters a fact, and its office head confirms it."""
    return await world.sign("MRB head", "MRB office", command, **{**FACTS[command], **changed})


async def test_the_take_on_day(world: World) -> None:
    """Four facts with their own days, no finding; then the clock misses what is due here alone."""
    answer = await take_on(world, "takeon/take-on-penalty")
    assert types(answer) == [
        "approvals.approval-given",
        "takeon.opening-fact-taken-on",
        "penalties.penalty-decided",
        "penalties.penalty-served",
        "penalties.fine-paid",
        "credit.credit-record-entered",
        "credit.publicity-started",
        "penalties.decision-published",
    ]
    for command in list(FACTS)[1:]:
        await take_on(world, command)
    closing: dict[str, Any] = {"takeon": "TAKEON-2026", "facts": 4}
    await world.sign("JB", "EDB", "takeon/close-take-on", **closing)
    await world.refused("TKO-D1", "MRB head", "takeon/take-on-penalty", **PENALTY)
    assert (await world.get("EMB head", "/v1/take-ons/TAKEON-2026"))["stage"] == "closed"

    assert await world.findings() == []
    # Its commitment's first obligation, its publication, its service: their days had passed.
    assert world.at("2026-07-02").tick() == [("CreditGradeAssigned", "")]
    missed = []
    for day in ("2026-07-06", "2026-07-07", "2026-07-08", "2026-07-09", "2026-10-09", "2026-10-10"):
        for kind, name in world.at(day).tick():
            if kind == "DeadlineMissed":
                missed.append((day, name))
    assert missed == [
        ("2026-07-07", "commitments.obligation"),
        ("2026-07-09", "takeon.open-deadline"),
        ("2026-10-10", "key.review"),
    ]
    assert await world.findings() == []
    rows = (await world.get("JB", "/v1/deadlines", entity=E_B, limit=100))["items"]
    told = {(row["rule"], row.get("due_on")): row for row in rows}
    first = told["commitments.obligation", "2026-06-01"]
    assert (first["state"], first["unjudged_until"]) == ("open", "2026-07-01")
    late = told["publicity.penalty_wd.record", "2026-04-29"]
    assert (late["state"], late["days_late"]) == ("done", 0)
    assert world.rebuilt() == []


async def test_it_is_shown_with_its_own_days(world: World) -> None:
    """To the public as a penalty that was entered here; before the takeover nobody knew of it."""
    await take_on(world, "takeon/take-on-penalty")
    [record] = (await world.get("public", f"{BUSINESS}/profile"))["records"]
    publicity = record["publicity"]
    assert (publicity["started_on"], publicity["min_until"], publicity["max_until"]) == (
        "2026-05-20",
        "2026-07-20",
        "2027-04-20",
    )
    page = await world.get("public", "/v1/decisions/DEC-1")
    assert page["published_on"] == "2026-05-20"
    profile = await world.get("JB", f"{BUSINESS}/profile")
    assert profile["grade"] == "C"
    on = {}
    for day in ("2026-04-23", "2026-05-19", "2026-05-20"):
        then = await world.get("JB", f"{BUSINESS}/profile", valid_as_of=day)
        on[day] = (then["grade"], len(then.get("records", ())))
    assert on == {"2026-04-23": ("B", 0), "2026-05-19": ("B", 1), "2026-05-20": ("C", 1)}
    before = await world.get("JB", f"{BUSINESS}/profile", known_as_of="2026-06-30T23:59:00+08:00")
    assert (before["grade"], before["records"]) == ("B", [])


async def test_a_replay_marks_opening_facts(world: World) -> None:
    """Each step of one says so; what-ifs derive from it as from any other."""
    await take_on(world, "takeon/take-on-penalty")
    replay = await world.get("JB", f"{BUSINESS}/replay")
    marked = {step["type"]: step.get("opening") for step in replay["steps"]}
    assert marked["credit.credit-record-entered"] == "2026-07-01"
    assert marked["credit.publicity-started"] == "2026-07-01"
    assert marked["entities.entity-registered"] is None
    assert replay["profile"]["grade"] == "C"
    without = await world.get("JB", f"{BUSINESS}/replay", without="CR-1")
    assert without["profile"]["grade"] == "B"
    repaired = await world.get("JB", f"{BUSINESS}/replay", as_if_repaired="CR-1@2026-07-21")
    assert repaired["profile"]["grade"] == "B"
    trail = await world.get("JB", f"{BUSINESS}/trail", limit=200)
    origin = [e["provenance"] for e in trail["entries"] if e["type"].startswith("credit.")]
    assert {(one["source"], one["opening"]) for one in origin} == {
        ("penalty-system-2019", "2026-07-01")
    }


async def test_it_is_repaired_here(world: World) -> None:
    """From the day after its shortest publicity, on the receipts that were taken on with it."""
    await take_on(world, "takeon/take-on-penalty")
    world.given(commitment("CMT-1", E_B))
    apply: dict[str, Any] = {
        "repair": "REP-1",
        "entity": E_B,
        "records": ["CR-1"],
        "channel": "credit_china",
        "proofs": [{"shows": "conduct_corrected", "ref": "整改报告1号"}],
        "commitment": "CMT-1",
    }
    world.at("2026-07-20")
    problem = await world.refused("REP-R1", "E-B", "repair/apply-repair", **apply)
    assert problem["details"]["earliest"] == "2026-07-21"
    world.at("2026-07-21")
    await world.send("E-B", "repair/apply-repair", **apply)
    await world.send("EDB", "repair/forward-repair", repair="REP-1", to_unit="MRB")
    await world.send("MRB legal", "repair/accept-repair", repair="REP-1")
    answer = await world.send(
        "MRB head",
        "repair/grant-repair",
        repair="REP-1",
        verified=["conduct_corrected", "obligations_performed"],
        verification="现场核查, 缴款系统核对",
    )
    assert "credit.publicity-terminated" in types(answer)
    assert (await world.get("public", f"{BUSINESS}/profile"))["records"] == []
    # Taken on again, or entered again, it would be a second record of its document (CRD-R5).
    again = {**PENALTY, "ref": "CF-999", "decision": "DEC-2", "record": "CR-2", "case": "CASE-2"}
    await world.refused("TKO-D2", "MRB head", "takeon/take-on-penalty", **again)


async def test_what_is_owed_is_owed_here(world: World) -> None:
    """A fine that was not paid bars the repair, whatever paper is named (REP-R2)."""
    await take_on(world, "takeon/take-on-penalty", payments=[])
    world.given(commitment("CMT-1", E_B))
    world.at("2026-07-21")
    problem = await world.refused(
        "REP-R2",
        "E-B",
        "repair/apply-repair",
        repair="REP-1",
        entity=E_B,
        records=["CR-1"],
        channel="credit_china",
        proofs=[
            {"shows": "conduct_corrected", "ref": "整改报告1号"},
            {"shows": "obligations_performed", "ref": "缴款凭证1号"},
        ],
        commitment="CMT-1",
    )
    assert problem["details"]["outstanding_fen"] == 500_000


async def test_it_is_reconsidered_here(world: World) -> None:
    """Within 60 days of knowing it: day 60 of 05-08 is 07-07. Altered, it is so from its own day
    on, which lies before the takeover; publicity does not pause.
    """
    await take_on(world, "takeon/take-on-penalty")
    apply: dict[str, Any] = {
        "recon": "RCN-1",
        "decision": "DEC-1",
        "organ": "RECON",
        "known_on": "2026-05-08",
        "grounds": "量罚过重",
        "entity": E_B,
    }
    late: dict[str, Any] = {**apply, "recon": "RCN-0", "known_on": "2026-04-24"}
    world.at("2026-07-07")
    await world.refused("RCN-R1", "E-B", "reconsideration/apply-for-reconsideration", **late)
    await world.send("E-B", "reconsideration/apply-for-reconsideration", **apply)
    await world.send("RECON", "reconsideration/accept-application", recon="RCN-1")
    await world.send("RECON", "reconsideration/send-copy", recon="RCN-1")
    reply: dict[str, Any] = {"recon": "RCN-1", "reply": "事实清楚, 请予维持"}
    await world.send("MRB legal", "reconsideration/submit-reply", **reply)
    world.at("2026-07-17")
    answer = await world.send(
        "RECON",
        "reconsideration/decide-case",
        recon="RCN-1",
        outcome="alter",
        instrument="兰新复决〔2026〕3号",
        reasons="情节较轻",
        content={"types": ["warning"], "severity": "minor", "fine_fen": 0},
        third_party_evidence=True,
    )
    altered = next(
        event["body"] for event in answer["events"] if event["type"].endswith("record-altered")
    )
    assert (altered["valid_from"], altered["severity"]) == ("2026-04-20", "minor")
    profile = await world.get("JB", f"{BUSINESS}/profile", valid_as_of="2026-05-21")
    assert [one["severity"] for one in profile["records"]] == ["minor"]
    assert "CRD-V1" not in rules(answer)


async def test_it_is_revoked_here(world: World) -> None:
    """With everything that rests on it, and its page says that it was withdrawn."""
    await take_on(world, "takeon/take-on-penalty")
    world.at("2026-07-06")
    answer = await world.send(
        "MRB head",
        "corrections/nullify-decision",
        decision="DEC-1",
        unit="MRB",
        kind="revoked",
        entity=E_B,
        by="兰州新区管委会",
        instrument="撤1号",
        effective_on="2026-07-06",
        reason="事实不清",
    )
    assert "credit.publicity-terminated" in types(answer)
    profile = await world.get("JB", f"{BUSINESS}/profile", valid_as_of="2026-05-21")
    assert profile["grade"] == "B"
    assert (await world.get("public", f"{BUSINESS}/profile"))["records"] == []
    world.at("2026-07-09")
    withdrawn: dict[str, Any] = {"decision": "DEC-1", "explanation": "决定已被撤销"}
    answer = await world.send("MRB head", "penalties/withdraw-decision", **withdrawn)
    assert (answer["events"][0]["body"].get("days_late", 0), rules(answer)) == (0, [])


async def test_its_longest_publicity_is_reached_before_or_after(world: World) -> None:
    """Before the takeover it is refused; after it the clock ends it, on time, with no finding."""
    old = {
        **PENALTY,
        "ref": "CF-1",
        "doc_no": "兰新市监罚〔2025〕1号",
        "decided_on": "2025-06-30",
        "served_on": "2025-06-30",
        "published_on": "2025-07-04",
        "payments": [{"paid_on": "2025-07-10", "amount_fen": 500_000, "receipt_no": "R-1"}],
    }
    problem = await world.refused("TKO-D3", "MRB head", "takeon/take-on-penalty", **old)
    assert "2026-06-30" in problem["detail"]
    nearly = {**old, "decided_on": "2025-07-03", "served_on": "2025-07-03"}
    await take_on(world, "takeon/take-on-penalty", **nearly)
    assert [
        kind for kind, _ in world.at("2026-07-03").tick() if kind != "CreditGradeAssigned"
    ] == []
    ended = [kind for kind, _ in world.at("2026-07-04").tick()]
    assert ended[:2] == ["DeadlineLapsed", "PublicityTerminated"]
    assert "FindingRaised" not in ended
    assert (await world.get("public", f"{BUSINESS}/profile"))["records"] == []


async def test_it_is_corrected_here(world: World) -> None:
    """A wrong day of the decision: the record and all bounds shown follow in the same moment."""
    answer = await take_on(world, "takeon/take-on-penalty")
    position = next(
        event["position"]
        for event in answer["events"]
        if event["type"] == "penalties.penalty-decided"
    )
    change = {"path": "/body/decided_on", "old": "2026-04-20", "new": "2026-03-20"}
    await world.sign(
        "MRB head",
        "EDB",
        "corrections/correct-record",
        target_position=position,
        field_changes=[change],
        reason="原系统编号对照有误",
    )
    [record] = (await world.get("public", f"{BUSINESS}/profile"))["records"]
    assert record["determined_on"] == "2026-03-20"
    assert (record["publicity"]["min_until"], record["publicity"]["max_until"]) == (
        "2026-06-20",
        "2027-03-20",
    )
    assert await world.findings() == []
    assert world.rebuilt() == []


async def test_other_units_learn_nothing_of_it(world: World) -> None:
    """Neither from the request nor from what is refused: as of what never was."""
    await take_on(world, "takeon/take-on-deadline")
    approval = await world.request("MRB head", "takeon/take-on-penalty", **PENALTY)
    assert await world.status("EMB head", f"/v1/approvals/{approval}") == 404
    assert await world.status("EMB head", "/v1/open-duties/DUTY-1") == 404
    assert await world.status("MRB head", "/v1/open-duties/DUTY-1") == 200
    done: dict[str, Any] = {"duty": "DUTY-1", "evidence": ["答复1号"]}
    mine = await world.send("EMB head", "takeon/perform-open-duty", expect=422, **done)
    none = await world.send(
        "EMB head", "takeon/perform-open-duty", expect=422, **{**done, "duty": "DUTY-7"}
    )
    assert mine["type"] == none["type"]
    feed = json.dumps(await world.get("EMB head", "/v1/feed", limit=500))
    assert "JD-9" not in feed
    assert "答复监督意见书" not in feed


# The tables, as docs/take-on.md has them


@pytest.fixture
def command(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[[str], Any]:
    """Runs a line of the docs in a folder of its own; gives its exit code and what it printed."""
    folder = tmp_path / "table"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "clerk.token").write_text(world.tokens["MRB head"])
    (folder / "second.token").write_text(world.tokens["MRB office"])
    text = DOCS.read_text("utf-8")
    table = re.search(r"```csv\n(.*?)```", text, re.DOTALL)
    assert table
    (folder / "penalties.csv").write_text(table[1], "utf-8")
    address = str(world.client.make_url("")).rstrip("/")

    async def run(line: str) -> tuple[int, dict[str, Any], str]:
        # A person takes longer than the views need to catch up.
        world.service.follower.wait_for(world.recorder.head(), 5.0)
        words = line.replace("http://127.0.0.1:8080", address).split()[1:]

        def inside() -> int:
            try:
                main([*words, "--json"])
            except SystemExit as end:
                return int(end.code or 0)
            return 0

        code = await asyncio.to_thread(inside)
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out.strip() else {}, said.err

    return run


def change_table(old: str, new: str) -> None:
    """Let the table say something else, once."""
    table = Path("penalties.csv")
    before = table.read_text("utf-8")
    assert old in before
    table.write_text(before.replace(old, new, 1), "utf-8")


def rejected_rows() -> list[dict[str, str]]:
    """What the file of rejected rows says."""
    with Path("rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def lines_of_docs() -> list[str]:
    """The commands of the page, in order."""
    text = DOCS.read_text("utf-8")
    return [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("supervision-ledger")
    ]


def bodies_of_docs() -> list[tuple[str, dict[str, Any]]]:
    """The requests of the page, in order."""
    text = DOCS.read_text("utf-8")
    found = re.findall(r"```http\nPOST /v1/(\S+)\n(\{.*?\})\n```", text, re.DOTALL)
    return [(path, json.loads(body)) for path, body in found]


async def test_the_page_about_it_is_true(world: World, command: Callable[[str], Any]) -> None:
    """Its table is entered by one person, confirmed by another, and closed by two; sent again,
    nothing is entered twice.
    """
    (opened, body), (closed, closing) = bodies_of_docs()
    assert (opened, body) == ("takeon/open-take-on", OPEN)
    dry, enter, confirm = lines_of_docs()
    head = world.recorder.head()
    code, report, _ = await command(dry)
    assert (code, report["rows"], report["done"]) == (0, 3, 3)
    assert world.recorder.head() == head

    code, report, said = await command(enter)
    assert (code, report["done"], report["rejected"]) == (1, 2, 1), said
    assert "TKO-D3" in said
    [rejected] = rejected_rows()
    assert (rejected["行号 line"], rejected["原系统编号"]) == ("4", "CF-290")
    assert "TKO-D3" in rejected["原因 reason"]
    head = world.recorder.head()
    code, report, _ = await command(enter)
    assert (code, report["done"], report["known"], report["rejected"]) == (1, 0, 2, 1)
    assert world.recorder.head() == head

    # Nobody confirms what they entered themselves.
    own = confirm.replace("second.token", "clerk.token")
    code, report, said = await command(own)
    assert (code, report["done"]) == (1, 0)
    assert "GEN-R1" in said
    code, report, said = await command(confirm)
    assert (code, report["done"], report["rejected"]) == (1, 2, 1), said
    assert "nobody has entered" in said
    code, report, _ = await command(confirm)
    assert (report["done"], report["known"]) == (0, 2)
    await world.sign("JB", "EDB", closed, **closing)
    shown = (await world.get("public", f"/v1/entities/{E_D}/profile"))["records"]
    assert [one["amount_fen"] for one in shown] == [200_050]
    code, _, said = await command(enter)
    assert code == 2
    assert "was closed" in said


async def test_a_row_is_confirmed_as_it_was_entered(
    world: World, command: Callable[[str], Any]
) -> None:
    """A table that says something else rejects the row, and names the column."""
    _, enter, confirm = lines_of_docs()
    await command(enter)
    change_table("2026-04-20", "2026-04-21")
    code, report, said = await command(confirm)
    assert (code, report["done"]) == (1, 1)
    assert "decided_on" in said
    assert [row["列 column"] for row in rejected_rows()] == ["decided_on", "ref"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2026-04-20", "2026/4/20", "处罚决定日期 (decided_on) must be a day"),
        ("2026-04-20", "2026-02-30", "处罚决定日期 (decided_on) must be a day"),
        (",5000,2026-04-24", ",5000.005,2026-04-24", "罚款金额 (fine_yuan) must be an amount"),
        (",罚款,一般,经营", ",罚金,一般,经营", "处罚类别 (types) must be one of"),
        ("91620100MA7LX01051", "91620100MA7LX0105", "uscc"),
        ("CF-381", "", "原系统编号 (ref) must not be blank"),
        ("CF-382", "CF-381", "must stand in the table once"),
        (",R-1,", ",,", "缴款凭证1 (receipt_no_1) must not be blank"),
        ("公示渠道", "", "must stand under the name of a column"),
    ],
)
async def test_a_bad_cell_is_rejected_by_name(
    world: World, command: Callable[[str], Any], old: str, new: str, says: str
) -> None:
    """Before anything is sent; the other rows are not held up."""
    change_table(old, new)
    code, report, said = await command(lines_of_docs()[0])
    assert code == 1
    assert report["rejected"] + report["done"] == 3
    assert says in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("违法事实", "违法情况", "违法情况"),
        ("罚款金额", "处罚金额", "does not know: 处罚金额"),
        ("缴款凭证1", "doc_no", "names a column twice"),
    ],
)
async def test_a_column_that_is_not_known_is_refused(
    world: World, command: Callable[[str], Any], old: str, new: str, says: str
) -> None:
    """Nothing of a table is skipped in silence."""
    change_table(old, new)
    code, _, said = await command(lines_of_docs()[0])
    assert code == 2
    assert says in said
