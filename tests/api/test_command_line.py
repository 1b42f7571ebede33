"""The command line as somebody at a terminal meets it: exit codes, messages, what is recorded."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from api.cli.command_line import main
from api.cli.terminal import OPERATOR, show
from api.http.sealing import sealed_person
from api.service import Service
from ledger.access.events import CommandRefused
from ledger.general.findings import FindingRaised
from ledger.kernel import codec
from ledger.opening import LEDGER_CLOCK, ledger_path, open_ledger, open_recorder, sibling
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.complaints.events import ComplainantNamed
from ledger.systems.persons.commands import RegisterPerson
from ledger.systems.persons.rules import PII_R1
from ledger.vault.store import Vault
from tests.gwt import Record

LOG_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
Command = Callable[..., tuple[int, str, str]]
RAISED = FindingRaised(finding_id="F-1", type="unfiled", rule_id="FIL-V1", auto=True, unit="MRB")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A ledger in which a finding was raised on 2026-01-15; it is to be triaged by 2026-01-22."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    moment = datetime(2026, 1, 15, 2, tzinfo=UTC)
    with open_recorder(url) as recorder, open_ledger(recorder, clock=lambda: moment) as ledger:
        ledger.execute(Record(facts=(RAISED,)), LEDGER_CLOCK)
    return url


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line; gives the exit code, what was printed, and what was complained."""

    def run(*words: str) -> tuple[int, str, str]:
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


#: Clears the screen, turns green, changes the title, turns the writing round, closes a style.
HOSTILE = "\x1b[2J\x1b[32m✓ well\x9b1m\x7f\u202e[/red] :smile: [bold]\r"


def test_what_a_file_says_does_nothing_to_the_terminal(command: Command, tmp_path: Path) -> None:
    """It is shown as it stands there, in a message, in a table and in JSON."""
    file = tmp_path / "draw.json"
    file.write_text(json.dumps({"format": HOSTILE}))
    for options in ((), ("--json",)):
        code, said, complained = command("draw", "verify", str(file), *options)
        assert code == 1
        shown = "".join((said + complained).split())
        assert r"\u001b[2J\u001b[32m✓well\u009b1m\u007f\u202e[/red]:smile:[bold]" in shown
        assert not set(said + complained) & set("\x1b\x9b\x7f\u202e\r")


def test_a_table_shows_what_others_wrote_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show({"for": HOSTILE, "more": {"x": HOSTILE}}, False)
    show([{"for": HOSTILE}], False)
    show({"for": HOSTILE}, True)
    said = capsys.readouterr().out
    assert said.count(r"\u001b[2J") == 4
    assert said.count("[/red]") == 4
    assert not set(said) & set("\x1b\x9b\x7f\u202e\r")
    assert json.loads(said[said.rindex("{") :]) == {"for": HOSTILE}


def types(url: str) -> list[str]:
    with open_recorder(url) as recorder:
        return [codec.decode(s.position, s.event.data).envelope.type for s in recorder.read()]


def test_nobody_is_erased_who_is_not_known(url: str, command: Command) -> None:
    """One line says so, and nothing is recorded; a reason that is none is turned down as well."""
    before = types(url)
    for person in ("psn-" + "0" * 32, "张三"):
        code, _, said = command("erase", person, "--reason", "consent_withdrawn", "--ledger", url)
        assert code == 1
        assert "Traceback" not in said
    code, *_ = command("erase", "psn-" + "0" * 32, "--reason", "because", "--ledger", url)
    assert code != 0
    assert types(url) == before


def test_a_person_is_erased_by_a_token(url: str, command: Command) -> None:
    """For any other word it says what a token is and where it stands, and not the word."""
    for word in ("张三", "110101199003074477", "psn-1"):
        code, _, said = command("erase", word, "--reason", "consent_withdrawn", "--ledger", url)
        assert code == 1
        assert "PERSON must be a token: psn-" in said
        assert "register-person" in said
        assert word not in said.replace("psn- ", "")


def test_PII_R1_a_refused_erasure_says_all_and_is_taken_down(url: str, command: Command) -> None:
    """Rule, what would make it succeed and the law, as over HTTP; and the refusal stays."""
    path = ledger_path(url)
    with (
        open_recorder(url) as recorder,
        open_ledger(recorder) as ledger,
        Vault(sibling(path, "vault")) as vault,
    ):
        sealed = sealed_person(vault, "c1", name="张三丰")
        ledger.execute(RegisterPerson(sealed=sealed), LEDGER_CLOCK)
        named = ComplainantNamed(
            complaint="CMP-1",
            subject_unit="MRB",
            anonymous=False,
            guarded_until=date(2026, 7, 1),
            person=sealed.person,
        )
        ledger.execute(Record(facts=(named,)), LEDGER_CLOCK)

    words = ("erase", sealed.person, "--reason", "consent_withdrawn", "--ledger", url)
    code, _, said = command(*words)

    assert code == 1
    assert "PII-R1" in said
    assert PII_R1.hint in said
    assert PII_R1.law in said
    with closing(SQLiteRecorder(sibling(path, "access"))) as accesses:
        (refusal,) = [codec.decode(s.position, s.event.data) for s in accesses.read()]
    assert isinstance(refusal.event, CommandRefused)
    assert (refusal.event.rule, refusal.event.command) == ("PII-R1", "ErasePerson")
    assert refusal.envelope.actor == OPERATOR


@pytest.mark.parametrize("words", [("serve",), ("demo",), ("witness", "serve", "--logs", "logs")])
def test_a_port_that_is_none_is_refused(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Nothing is made, and nothing is said of an address at which nobody listens."""
    monkeypatch.chdir(tmp_path)
    for port in ("99999999", "65536", "-1"):
        code, said, complained = command(*words, f"--port={port}")
        assert code != 0
        assert "65535" in said + complained or "Must be" in said + complained
        assert "http://" not in said + complained
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to say instead, and before a register is loaded for nothing."""
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "logs"
    logs.write_text(f"log {LOG_KEY}\nquorum none\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words in (("serve",), ("demo",), ("witness", "serve", "--logs", "logs")):
            code, _, said = command(*words, f"--port={port}")
            assert code == 2
            assert f"127.0.0.1:{port} is in use" in said
            assert f'make run RUN_ARGS="--port {port + 1}"' in said
            assert "Errno" not in said
    assert list(tmp_path.iterdir()) == [logs]


def test_a_missing_file_is_named(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, without the number of an error."""
    monkeypatch.chdir(tmp_path)
    for words in (
        ("draw", "verify", "nofile"),
        ("draw", "check-receipt", "nofile"),
        ("verify", "nofile"),
        ("witness", "serve", "--logs", "nofile"),
        ("serve", "--witnesses", "nofile"),
    ):
        code, _, said = command(*words)
        assert code == 2
        assert said == "supervision-ledger: nofile: No such file or directory\n"


def test_tokens_are_of_a_ledger_that_is_there(url: str, command: Command, tmp_path: Path) -> None:
    """A mistyped ledger is not given tokens that open nothing."""
    nowhere = f"sqlite:///{tmp_path / 'other.db'}"
    for words in (("create", "MRB", "HEAD-001", "unit_head"), ("list",), ("revoke", "slt_x")):
        code, _, said = command("token", *words, "--ledger", nowhere)
        assert code == 2
        assert "there is no ledger at" in said
    assert not list(tmp_path.glob("other*"))
    code, said, _ = command("token", "create", "MRB", "HEAD-001", "unit_head", "--ledger", url)
    assert (code, said[:4]) == (0, "slt_")


def test_tick_at_a_moment(url: str, command: Command) -> None:
    """A tick records what had fallen due by the moment it is given, and nothing a second time."""
    before = len(types(url))

    early = command("tick", "--at", "2026-01-22T23:00", "--ledger", url, "--json")
    assert (early[0], json.loads(early[1])["recorded"]) == (0, 0)

    code, out, _ = command("tick", "--at", "2026-01-23T00:30", "--ledger", url, "--json")
    assert code == 0
    assert json.loads(out)["types"] == ["deadlines.deadline-missed", "supervision.finding-raised"]

    again = command("tick", "--at", "2026-01-23T00:30", "--ledger", url, "--json")
    assert json.loads(again[1])["recorded"] == 0
    assert len(types(url)) == before + 2


def test_time_only_goes_on(url: str, command: Command) -> None:
    """A moment before the last record is refused: recording times would run backwards."""
    code, _, err = command("tick", "--at", "2026-01-14", "--ledger", url)

    assert code == 2
    assert "must not be earlier than the last record" in err


def test_the_future_is_for_rehearsals(url: str, command: Command) -> None:
    """What is not due yet is not recorded as missed, unless the ledger is only a rehearsal."""
    before = types(url)

    code, _, err = command("tick", "--at", "2999-01-01", "--ledger", url)
    assert (code, types(url)) == (2, before)
    assert "--rehearsal" in err

    code, out, _ = command("tick", "--at", "2999-01-01", "--rehearsal", "--ledger", url, "--json")
    assert code == 0
    assert "deadlines.deadline-missed" in json.loads(out)["types"]


def test_verify_names_the_first_bad_place(url: str, command: Command) -> None:
    """All well is exit code 0; anything else 1, with the place in words and for machines."""
    code, out, _ = command("verify", "--ledger", url)
    assert code == 0
    assert "unchanged since recorded, signed and counted" in out
    assert "no signed checkpoints" in out
    assert "there are no views" in out
    # SQLite's own bookkeeping aside, looking has made no file.
    made = {path.name for path in ledger_path(url).parent.iterdir()}
    assert made <= {"ledger.db", "ledger.db-shm", "ledger.db-wal"}

    with closing(sqlite3.connect(ledger_path(url))) as file:
        file.execute("DROP TRIGGER events_no_update")
        file.execute("UPDATE events SET leaf = zeroblob(32) WHERE position IN (3, 5)")
        file.commit()
    code, out, _ = command("verify", "--ledger", url)
    assert code == 1
    assert out.startswith("position 3: its bytes do not hash to its leaf\nposition 5: ")
    code, out, _ = command("verify", "--ledger", url, "--json")
    said = json.loads(out)
    assert (code, said["faults"][0]["position"]) == (1, 3)
    assert said["faults"][0]["where"] == "position 3"


def test_verify_with_views_log_and_keys(url: str, command: Command) -> None:
    """What a service has made is verified too; a key that is none is refused."""
    with Service(url) as service:
        service.follower.wait_for(service.recorder.head(), 10.0)
        service.keeper.wait_for(service.recorder.head(), 10.0)
        vkey = service.keeper.log.signer.verifier().vkey()
        assert command("verify", "--ledger", url, "--key", vkey, "--workers", "1")[0] == 0
    code, out, _ = command("verify", "--ledger", url, "--json")
    said = json.loads(out)
    assert (code, said["faults"], said["remarks"]) == (0, [], [])
    assert said["counts"]["checkpoints"] >= 1
    assert {view["same"] for view in said["views"]} == {True}

    with closing(sqlite3.connect(sibling(ledger_path(url), "views"))) as file:
        file.execute("UPDATE findings SET state = x'00'")
        file.commit()
    code, out, _ = command("verify", "--ledger", url)
    assert code == 1
    assert "view findings at" in out
    assert "differs from the ledger: rebuild it" in out

    code, _, err = command("verify", "--ledger", url, "--witness", "nobody")
    assert (code, "verifier key" in err) == (2, True)
