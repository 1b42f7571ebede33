"""Tables of the country: batches out, rows in, and the same bytes again.

After the nationwide templates; a province that differs gives its own mapping.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from api.cli.command_line import main
from api.cli.takeon_tables import KINDS, rows_of
from api.cli.terminal import INCOMPLETE
from api.webhooks.outbox import Outbox
from ledger.intake.exchange import (
    BadTableCell,
    cells_of,
    headings,
    read_template,
    rows_of_table,
    taken,
)
from ledger.intake.own_lists import MappingError
from ledger.intake.sources import Layout, SourceError
from ledger.intake.sources import Source as Table
from ledger.kernel import Event
from ledger.opening import open_ledger, open_recorder
from ledger.systems.catalogue.events import (
    EnforcementUnitQualified,
    MatterCode,
    MatterCodesAssigned,
)
from ledger.systems.corrections.events import DecisionAltered, DecisionRevoked
from ledger.systems.credit.events import (
    CreditRecordEntered,
    Instrument,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.entities.events import EntityRegistered, EntityRevised, Identity
from ledger.systems.filing.events import (
    InspectionCoding,
    InspectionConcluded,
    OnSiteInspectionOpened,
)
from ledger.systems.penalties.events import (
    DecisionPublished,
    DecisionWithdrawn,
    Licence,
    PenaltyContent,
    PenaltyDecided,
)
from projections.exchange.facts import penalties
from projections.exchange.writing import write_table
from projections.source import Source
from projections.systems.removals import RemovalAccount, account, subjects_of
from projections.systems.repair import FoldsAt
from tests.cast import E_B, E_C, HEAD
from tests.gwt import Record

GOLDEN = Path(__file__).parent / "exchange"
TABLE = "shuanggongshi-penalty"
REPAIRED = date(2026, 7, 27)
NULLIFIED: dict[str, Any] = {
    "unit": "MRB",
    "by": "RECON",
    "instrument": "复决1号",
    "reason": "过罚不当",
}

FACTS: tuple[Event, ...] = (
    EnforcementUnitQualified(
        unit="MRB",
        name="兰州新区市场监督管理局",
        kind="organ",
        valid_from=date(2020, 1, 1),
        uscc="11620100013909010F",
    ),
    EntityRegistered(
        entity=E_C, identity=Identity(name="兰州新区某食品<厂>", party_type="legal_person")
    ),
    EntityRegistered(
        entity=E_B, identity=Identity(name="=某超市", party_type="individual_business")
    ),
)


def decided(name: str, entity: str, **more: Any) -> tuple[Event, ...]:
    """A decision that is published, with its record in publicity."""
    number = name.removeprefix("DEC-")
    return (
        PenaltyDecided(
            **{
                "decision": name,
                "entity": entity,
                "unit": "MRB",
                "case": f"CASE-{number}",
                "doc_no": f"兰新市监罚〔2026〕{number}号",
                "decided_on": date(2026, 4, 20),
                "types": ("fine", "confiscation"),
                "severity": "general",
                "facts": "经营超过保质期的食品，\n货值“三百元”",
                "fine_fen": 500_000,
                "confiscated_fen": 30_001,
                "violation_code": "FS-034",
                **more,
            }
        ),
        DecisionPublished(
            decision=name,
            entity=entity,
            unit="MRB",
            summary="罚款五千元",
            published_on=date(2026, 4, 24),
        ),
        CreditRecordEntered(
            record=f"CR-{number}",
            entity=entity,
            unit="MRB",
            kind="penalty",
            instrument=Instrument(
                kind="penalty_decision",
                doc_no=f"兰新市监罚〔2026〕{number}号",
                effective_on=date(2026, 4, 20),
            ),
            determined_on=date(2026, 4, 20),
            title="行政处罚",
            public=True,
            severity="general",
            decision=name,
        ),
        PublicityStarted(
            record=f"CR-{number}",
            entity=entity,
            unit="MRB",
            started_on=date(2026, 4, 24),
            channels=("credit_china",),
            max_until=date(2027, 4, 20),
        ),
    )


@pytest.fixture
def given(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Record facts, and return the last position."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with open_recorder(url) as recorder, open_ledger(recorder) as ledger:

        def record(*events: Event) -> int:
            ledger.execute(Record(facts=events), HEAD)
            return recorder.head()

        record.source = Source(recorder)  # type: ignore[attr-defined]
        record.url = url  # type: ignore[attr-defined]
        yield record


def operations(given: Any, after: int, up_to: int) -> list[tuple[str, str]]:
    return [(fact.operation, fact.key) for fact in penalties(given.source, after, up_to)]


def run(*words: str) -> int:
    """Run the command line; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


LICENCE = Licence(name="食品经营许可证", number="JY16201000012345")


@pytest.mark.parametrize("ending", ["csv", "xml"])
def test_a_batch_is_as_it_ever_was(given: Any, tmp_path: Path, ending: str) -> None:
    """Golden files, which are only added to."""
    given(*FACTS, *decided("DEC-1", E_C), *decided("DEC-2", E_B, licence=LICENCE))
    file = tmp_path / f"out.{ending}"
    assert run("tables", "export", TABLE, str(file), "--ledger", given.url, "--json") == 0
    assert file.read_bytes() == (GOLDEN / f"{TABLE}.{ending}").read_bytes()


def test_batches_follow_what_becomes_of_a_decision(given: Any) -> None:
    """Inserted, updated by an alteration, deleted by withdrawal, revocation or repair."""
    first = given(*FACTS, *decided("DEC-1", E_C), *decided("DEC-2", E_B), *decided("DEC-3", E_B))
    assert operations(given, 0, first) == [("i", "DEC-1"), ("i", "DEC-2"), ("i", "DEC-3")]
    content = PenaltyContent(types=("warning",), severity="general")
    second = given(
        DecisionAltered(
            decision="DEC-1",
            entity=E_C,
            effective_on=date(2026, 6, 30),
            content=content,
            before=PenaltyContent(types=("fine",), severity="general", fine_fen=500_000),
            **NULLIFIED,
        ),
        DecisionRevoked(decision="DEC-2", entity=E_B, effective_on=date(2026, 6, 30), **NULLIFIED),
        PublicityTerminated(
            record="CR-3",
            entity=E_B,
            unit="MRB",
            reason="repaired",
            terminated_on=date(2026, 7, 27),
        ),
    )
    assert operations(given, first, second) == [("u", "DEC-1"), ("d", "DEC-2"), ("d", "DEC-3")]
    third = given(
        DecisionWithdrawn(
            decision="DEC-1",
            entity=E_C,
            unit="MRB",
            reason="altered",
            nullified_on=date(2026, 6, 30),
            withdrawn_on=date(2026, 7, 3),
            explanation="决定已变更",
        )
    )
    assert operations(given, second, third) == [("d", "DEC-1")]
    assert operations(given, third, third) == []
    # Made again, or all at once, they add up to the same.
    assert operations(given, first, second) == [("u", "DEC-1"), ("d", "DEC-2"), ("d", "DEC-3")]
    assert operations(given, 0, third) == []


def test_batches_follow_the_record_of_a_decision(given: Any) -> None:
    """A record that is entered later, its publicity and the bounds of that alone are updates."""
    decision, published, entered, started = decided("DEC-1", E_C)
    last = given(*FACTS, decision, published)
    assert operations(given, 0, last) == [("i", "DEC-1")]
    moved = PublicityBoundsMoved(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        because="correction",
        valid_from=date(2026, 4, 24),
        max_until=date(2027, 4, 21),
    )
    for event in (entered, started, moved):
        since, last = last, given(event)
        assert operations(given, since, last) == [("u", "DEC-1")], event


def test_a_removal_is_not_lost_when_an_update_lacked_something(given: Any, tmp_path: Path) -> None:
    """A row that was sent stays so: what it owes is an update or its removal, in its old form."""
    sent = given(*FACTS, *decided("DEC-1", E_C))
    words = ["tables", "export", TABLE, "--ledger", given.url, "--json"]
    first, second, third, fourth = (tmp_path / f"{n}.csv" for n in range(1, 5))
    assert run(*words, str(first)) == 0
    unnamed, named = (
        EntityRevised(entity=E_C, identity=Identity(name=name), reason="更正")
        for name in (None, "某厂")
    )
    lacks = given(
        unnamed,
        DecisionAltered(
            decision="DEC-1",
            entity=E_C,
            effective_on=date(2026, 6, 30),
            content=PenaltyContent(types=("warning",), severity="general"),
            before=PenaltyContent(types=("fine",), severity="general", fine_fen=500_000),
            **NULLIFIED,
        ),
    )
    assert run(*words, str(second), "--since", f"{first}.json") == INCOMPLETE
    [owed] = json.loads(Path(f"{second}.json").read_bytes())["lacking"]
    assert (owed["column"], owed["sent"]) == ("CF_XDR_MC", sent)
    given(named)
    assert run(*words, str(third), "--since", f"{second}.json", "--dry-run") == 0
    recovered = penalties(given.source, lacks, given.source.head(), None, {("DEC-1",) * 2: sent})
    assert [fact.operation for fact in recovered] == ["u"]
    given(
        unnamed, DecisionRevoked(decision="DEC-1", entity=E_C, effective_on=REPAIRED, **NULLIFIED)
    )
    assert run(*words, str(fourth), "--since", f"{second}.json") == 0
    assert (tmp_path / "4.removed.csv").read_bytes() == first.read_bytes()


def test_a_batch_whose_receipts_were_not_kept_is_made_again(
    given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no manifest to go on from until it is known who got the records."""

    def fail(*_: object) -> None:
        raise OSError

    given(*FACTS, *decided("DEC-1", E_C))
    monkeypatch.setattr(Outbox, "receive", fail)
    words = ["tables", "export", TABLE, "--ledger", given.url, "--recipient", "省平台"]
    with pytest.raises((OSError, SystemExit)):
        main([*words, str(tmp_path / "1.csv")])
    assert not (tmp_path / "1.csv.json").exists()


def test_exports_are_in_the_account_of_removals(given: Any, tmp_path: Path) -> None:
    """Who got the table, and whether its removal has left for them as well, each time."""
    given(*FACTS, *decided("DEC-1", E_C))
    words = ["tables", "export", TABLE, "--ledger", given.url, "--json", "--recipient", "省平台"]
    assert run(*words, str(tmp_path / "1.csv")) == 0
    ended = PublicityTerminated(
        record="CR-1", entity=E_C, unit="MRB", reason="repaired", terminated_on=REPAIRED
    )
    given(ended)

    def told() -> RemovalAccount:
        read = FoldsAt(given.source, given.source.head())
        with closing(Outbox(tmp_path / "ledger.db.webhooks.db")) as outbox:
            receipts = outbox.received(subjects_of(read, "CR-1"))
        return account(read, "CR-1", date(2026, 7, 28), {}, receipts, {}, ())

    [export] = told().exports
    assert (export.recipient, export.removed_at, told().complete) == ("省平台", UNSET, False)
    assert run(*words, str(tmp_path / "2.csv"), "--since", str(tmp_path / "1.csv.json")) == 0
    [export] = told().exports
    assert export.removed_at is not UNSET
    assert told().complete
    given(
        PublicityReinstated(
            record="CR-1",
            entity=E_C,
            unit="MRB",
            reason="breach",
            ended_on=REPAIRED,
            reinstated_on=date(2026, 7, 28),
        )
    )
    assert run(*words, str(tmp_path / "3.csv"), "--since", str(tmp_path / "2.csv.json")) == 0
    given(ended)
    [export] = told().exports
    assert (export.removed_at, told().complete) == (UNSET, False)
    assert run(*words, str(tmp_path / "4.csv"), "--since", str(tmp_path / "3.csv.json")) == 0
    assert told().complete


def test_removed_rows_go_into_a_file_of_their_own(given: Any, tmp_path: Path) -> None:
    """The next batch begins where the last one ended, and says what must be removed."""
    given(*FACTS, *decided("DEC-1", E_C))
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    assert run("tables", "export", TABLE, str(first), "--ledger", given.url, "--json") == 0
    given(
        PublicityTerminated(
            record="CR-1",
            entity=E_C,
            unit="MRB",
            reason="repaired",
            terminated_on=date(2026, 7, 27),
        )
    )
    words = ["tables", "export", TABLE, str(second), "--ledger", given.url, "--json"]
    assert run(*words, "--since", f"{first}.json") == 0
    batch = json.loads((tmp_path / "2.csv.json").read_bytes())
    assert batch["rows"] == {"i": 0, "u": 0, "d": 1}
    assert set(batch["files"]) == {"2.csv", "2.removed.csv"}
    template = read_template(TABLE)
    [row] = rows_of_table(template, tmp_path / "2.removed.csv")
    assert row.fields["CF_WSH"] == "兰新市监罚〔2026〕1号"
    assert list(rows_of_table(template, second)) == []


def test_inspections_come_once_they_have_their_codes(given: Any, tmp_path: Path) -> None:
    """A row that lacks a code is owed, and sent by a later batch though nothing else happened."""
    given(
        *FACTS,
        OnSiteInspectionOpened(
            task="T-1",
            entity=E_C,
            unit="MRB",
            matters=("M-1",),
            officers=("OFF-001",),
            certs_shown=("A-1",),
            notice_shown=True,
            rights_informed=True,
            conduct_rules_informed=True,
        ),
        InspectionConcluded(
            task="T-1",
            entity=E_C,
            unit="MRB",
            matters=("M-1",),
            result="no_issue",
            coding=InspectionCoding(form="1", type="2", mode="1", result="1"),
        ),
        EntityRevised(
            entity=E_C, identity=Identity(name="某厂", area="620171"), reason="补充行政区划"
        ),
    )
    words = ["tables", "export", "check-action", "--ledger", given.url, "--json"]
    first, second, third = (tmp_path / f"{n}.csv" for n in range(3))
    assert run(*words, str(first)) == INCOMPLETE
    [owed] = json.loads(Path(f"{first}.json").read_bytes())["lacking"]
    assert (owed["key"], owed["column"]) == ("T-1/M-1", "supervise_item_implement_code")
    code = {"valid_from": date(2020, 1, 1)}
    given(
        MatterCodesAssigned(
            matter="M-1",
            unit="MRB",
            codes=(
                MatterCode(supervision_item="01164010100000", **code),
                MatterCode(implementation_item="11620100013909010F3620164001000", **code),
            ),
        )
    )
    assert run(*words, str(second), "--since", f"{first}.json", "--batch", "2026120100001") == 0
    with Table(second, Layout(required=("cd_operation", "check_form", "cd_batch"))) as told:
        [row] = [each.fields for each in told]
    assert (row["cd_operation"], row["cd_batch"]) == ("i", "2026120100001")
    assert (row["check_form"], row["check_type"], row["check_result"]) == ("1", "2", "1")
    assert row["administrative_cp_ui_code"] == E_C
    assert run(*words, str(third), "--since", f"{second}.json") == 0
    assert json.loads(Path(f"{third}.json").read_bytes())["rows"] == {"i": 0, "u": 0, "d": 0}


@pytest.mark.parametrize("ending", ["csv", "xlsx", "xml"])
def test_in_and_out_give_the_same_bytes(given: Any, tmp_path: Path, ending: str) -> None:
    """What is read from a file and written again is the file; every form has the same rows."""
    last = given(*FACTS, *decided("DEC-1", E_C), *decided("DEC-2", E_B, licence=LICENCE))
    template = read_template(TABLE)
    names = list(headings(template))
    rows = [cells_of(template, fact.fields) for fact in penalties(given.source, 0, last)]
    one, two = tmp_path / f"1.{ending}", tmp_path / f"2.{ending}"
    write_table(one, names, rows, row=template.row)
    read = [[row.fields.get(name, "") for name in names] for row in rows_of_table(template, one)]
    assert read == rows
    write_table(two, names, read, row=template.row)
    assert one.read_bytes() == two.read_bytes()


def test_a_table_of_another_system_becomes_opening_facts(tmp_path: Path) -> None:
    """In Chinese headings or those of 2015, in 万元; a row that cannot be taken says why."""
    table = tmp_path / "in.csv"
    table.write_text(
        "行政相对人名称,统一社会信用代码,CF_WSH,违法事实,CF_CFLB1,CF_JG,罚款金额(万元),"
        "处罚决定日期,处罚机关,法定代表人,CF_XDR_SFZ\n"
        f"某厂,{E_C},罚1号,过期食品,罚款、没收,罚款五千元,0.5,2026年4月20日,市监局,某人,620102\n"
        f"某厂,{E_C},罚2号,过期食品,杖责,打,0.5,2026-04-20,市监局,,\n"
        f"某厂,{E_C},罚3号,过期食品,罚款,罚,五千,2026-04-20,市监局,,\n"
        f"某厂,{E_C},罚4号,过期食品,罚款,罚,1,去年,市监局,,\n"
        f"某厂,{E_C},,过期食品,罚款,罚,1,2026-04-20,市监局,,\n",
        "gb18030",
    )
    made, rejects = tmp_path / "out.xlsx", tmp_path / "rejects.xlsx"
    words = [TABLE, str(table), str(made), "--unit", "MRB", "--severity", "general"]
    assert run("tables", "take", *words, "--rejects", str(rejects), "--json") == INCOMPLETE
    [row] = rows_of(made, KINDS["penalty"], "TO-1")
    assert row.fault is None, row.fault
    assert (row.ref, row.body["fine_fen"], row.body["types"]) == (
        "罚1号",
        500_000,
        ["fine", "confiscation"],
    )
    assert row.body["decided_on"] == "2026-04-20"
    assert "某人" not in msgspec.json.encode(row.body).decode()
    with Table(rejects, Layout(required=("行号", "原因"))) as told:
        reasons = [each.fields["原因"] for each in told]
    assert [reason.split(" ")[0] for reason in reasons] == [
        "CF_CFLB",
        "CF_NR_FK",
        "CF_JDRQ",
        "CF_WSH",
    ]


def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    template = read_template(TABLE)
    bomb = tmp_path / "bomb.xml"
    bomb.write_text('<!DOCTYPE a [<!ENTITY b "c">]><data><XZCF/></data>', "utf-8")
    with pytest.raises(SourceError, match="without a document type"):
        list(rows_of_table(template, bomb))
    short = tmp_path / "short.csv"
    short.write_text("行政相对人名称\n某厂\n", "utf-8")
    with pytest.raises(SourceError, match="CF_WSH"):
        list(rows_of_table(template, short))
    row = {"CF_WSH": "1", "CF_SY": "-", "CF_CFLB": "罚款", "CF_JDRQ": "20260420"}
    with pytest.raises(BadTableCell, match="at most six"):
        taken(template, {**row, "CF_NR_FK": "0.0000001"})
    with pytest.raises(MappingError, match="must be one of"):
        read_template("nonsense")
