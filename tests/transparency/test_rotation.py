"""Changing the key: announced under the old one, and usable wherever it is stopped."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.cli.terminal import OPERATOR
from api.service import Service
from ledger.kernel import Malformed, codec
from ledger.opening import key_file, open_ledger, open_log, open_recorder
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.transparency.commands import RecordKeyRotation
from ledger.transparency.events import KeyRotated
from ledger.transparency.keys import KeyFileError, make_key, next_key, read_key
from ledger.transparency.log import TransparencyLog
from ledger.transparency.merkle import ProofError
from ledger.transparency.notes import COSIGNATURE, parse_note, parse_vkey, verified
from ledger.transparency.proofs import parse_receipt
from ledger.transparency.rotation import Rotated, rotate_key
from ledger.transparency.store import Retired, SignedStore
from tests.cast import HEAD
from tests.gwt import Record
from tests.ports import free_port
from tests.transparency.dying_rotation import STEPS
from tests.transparency.regions import REGION, WITNESS, Region, signer

ORIGIN = "ledger.example/v1/log"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger whose first events are signed."""
    path = tmp_path / "ledger.db"
    make_key(next_key(key_file(path)), ORIGIN)
    append(path)
    return path


def append(path: Path, count: int = 3) -> None:
    """Record something and have it signed."""
    with open_recorder(url(path)) as recorder, open_ledger(recorder) as ledger:
        for _ in range(count):
            fact = EntityRegistered(
                entity=f"register:{recorder.head()}", identity=Identity(name="行")
            )
            ledger.execute(Record(facts=(fact,)), HEAD)
        with open_log(recorder) as log:
            signed = log.advance()
            assert signed is not None
            assert signed.size == recorder.head()


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def rotate(path: Path) -> Rotated:
    with (
        open_recorder(url(path)) as recorder,
        open_ledger(recorder) as ledger,
        open_log(recorder) as log,
    ):
        return rotate_key(ledger, log, key_file(path), OPERATOR)


def announcements(path: Path) -> list[tuple[int, KeyRotated]]:
    with open_recorder(url(path)) as recorder:
        records = [codec.decode(one.position, one.event.data) for one in recorder.read()]
    return [(r.position, r.event) for r in records if isinstance(r.event, KeyRotated)]


def check(path: Path) -> list[str]:
    """Every checkpoint is signed by the key that held, at a change by both; gives the keys."""
    store = SignedStore(path.with_name(path.name + ".signed.db"))
    keys = store.keys()
    positions = {event.new: position for position, event in announcements(path)}
    size = 0
    while (signed := store.covering(size + 1)) is not None:
        size = signed.size
        ends = [*(key.since for key in keys[1:]), 2**63]
        holding = [
            parse_vkey(key.vkey)
            for key, end in zip(keys, ends, strict=True)
            if key.since <= size <= end
        ]
        note = parse_note(signed.note())
        assert len(verified(note, holding)) == len(holding) == len(note.signatures)
    for key in keys[1:]:
        covering = store.covering(positions[key.vkey])
        assert covering is not None
        assert covering.size <= key.since, "the old key has signed what announces the new one"
    assert read_key(key_file(path)).verifier().vkey() == keys[-1].vkey
    store.close()
    return [key.vkey for key in keys]


def test_rotated(path: Path) -> None:
    """The event names both keys; what comes after is signed by the new one alone."""
    before = check(path)
    done = rotate(path)
    append(path)

    assert check(path) == [done.old, done.new] == [*before, done.new]
    ((position, event),) = announcements(path)
    assert (event.log, event.old, event.new) == (ORIGIN, done.old, done.new)
    assert done.position == position <= done.since
    assert not next_key(key_file(path)).exists()
    assert key_file(path).stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.glob("ledger.db.key*")] == ["ledger.db.key"]


def test_again_and_again(path: Path) -> None:
    """Keys follow on each other, also with nothing recorded in between."""
    news = [rotate(path).new for _ in range(3)]
    append(path)

    assert check(path)[1:] == news


def test_of_a_ledger_that_never_signed(tmp_path: Path) -> None:
    """The first key signs its own successor in before it gives way."""
    path = tmp_path / "ledger.db"
    done = rotate(path)

    assert check(path) == [done.old, done.new]


@pytest.mark.parametrize(
    ("step", "served"), [*((step, True) for step in STEPS[:-1]), ("taken over", False)]
)
def test_killed_at_each_step(path: Path, step: str, *, served: bool) -> None:
    """Wherever it dies, the log goes on, and the change is finished by the next try.

    ``served``: whether the service is started before that; once the new key has taken over, it
    finishes the change by itself.
    """
    old = check(path)
    died = subprocess.run(
        [sys.executable, "-m", "tests.transparency.dying_rotation", str(path.parent), step],
        cwd=ROOT,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    changed = STEPS.index(step) >= STEPS.index("taken over")

    if served:
        with Service(url(path)) as service:
            size = service.recorder.head()
            signed = service.keeper.wait_for(size, 10.0)
            service.ledger.close()
            assert signed is not None
            assert (signed.size, service.keeper.error) == (size, None)
        append(path)
        assert check(path) == (old if not changed else [*old, announcements(path)[0][1].new])
    if not (changed and served):
        again = subprocess.run(
            [sys.executable, "-m", "tests.transparency.dying_rotation", path.parent, "nowhere"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=60,
        )
        said = json.loads(again.stdout)
        assert [said["before"], said["vkey"]] == check(path)
    append(path)
    assert len(check(path)) == 2
    assert len(announcements(path)) == 1, "a change is announced once"
    assert not next_key(key_file(path)).exists()


def test_a_key_that_gave_way_signs_nothing(path: Path) -> None:
    """A process that still has the old key fetches the new one; if it cannot, it does not sign."""
    with open_recorder(url(path)) as recorder, open_log(recorder) as log:
        thief = TransparencyLog(recorder, log.tiles, log.signed, log.signer)
        done = rotate(path)
        append(path)
        with open_ledger(recorder) as ledger:
            fact = EntityRegistered(entity="register:late", identity=Identity(name="行"))
            ledger.execute(Record(facts=(fact,)), HEAD)
        before = log.checkpoint()
        with pytest.raises(KeyFileError, match="not available here"):
            thief.advance()
        assert log.checkpoint() == before
        log.advance()
        assert log.signer.verifier().vkey() == done.new
    check(path)


def test_an_old_key_in_its_place(path: Path) -> None:
    """The old key out of a backup is refused, and a lost one missed: no name changes silently."""
    key = key_file(path)
    saved = key.with_suffix(".saved")
    shutil.copy2(key, saved)
    done = rotate(path)
    new = key.read_bytes()
    shutil.copy2(saved, key)
    with pytest.raises(KeyFileError, match="this log signs with") as refused:
        append(path)
    assert done.new in str(refused.value)

    key.unlink()
    with pytest.raises(KeyFileError, match="put its key back"):
        append(path)
    assert not key.exists()
    make_key(key, ORIGIN)
    with pytest.raises(KeyFileError, match="this log signs with"):
        append(path)
    key.write_bytes(new)
    append(path)
    check(path)


def test_two_at_a_time(path: Path) -> None:
    """Of two rotations that race with one waiting key, the second finds its key retired."""
    with (
        open_recorder(url(path)) as recorder,
        open_ledger(recorder) as ledger,
        open_log(recorder) as log,
    ):
        log.advance()
        stale = log.signer.verifier().vkey()
        rotate(path)
        newest = log.signed.newest()
        assert newest is not None
        new = signer(ORIGIN, 5)
        with pytest.raises(Retired):
            log.signed.hand_over(stale, new.verifier().vkey(), newest.size, new.sign(newest.text))
        done = rotate_key(ledger, log, key_file(path), OPERATOR)
    assert check(path)[1:] == [done.old, done.new]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (REGION.verifier().vkey(), REGION.verifier().vkey()),
        (REGION.verifier().vkey(), "no key"),
        (REGION.verifier().vkey(), WITNESS.verifier().vkey()),
        (REGION.verifier().vkey(), signer(REGION.name, 9).verifier(COSIGNATURE).vkey()),
        ("no key", REGION.verifier().vkey()),
    ],
)
def test_what_is_not_announced(path: Path, old: str, new: str) -> None:
    """Only that one key of the log is followed by another."""
    with open_recorder(url(path)) as recorder, open_ledger(recorder) as ledger:
        head = recorder.head()
        with pytest.raises(Malformed):
            ledger.execute(RecordKeyRotation(log=REGION.name, old=old, new=new), OPERATOR)
        assert recorder.head() == head


def test_keys_of_logs_and_witnesses(tmp_path: Path) -> None:
    """Neither kind of key file is taken for the other."""
    for kind, other in ((1, COSIGNATURE), (COSIGNATURE, 1)):
        file = tmp_path / f"{kind}.key"
        made = make_key(file, "example.com/w", kind)
        assert read_key(file, kind).public == made.public
        with pytest.raises(KeyFileError, match="not the Ed25519 key of"):
            read_key(file, other)
        with pytest.raises(KeyFileError, match="must not exist yet"):
            make_key(file, "example.com/w", kind)
    assert len(list(tmp_path.iterdir())) == 2


async def test_while_it_is_served(path: Path) -> None:
    """The service goes over to the new key by itself, and leads strangers from one to the other."""
    with Service(url(path)) as service:
        async with TestClient(TestServer(service.app())) as client:

            async def asked(place: str) -> Any:
                async with client.get(f"/v1/log/{place}") as answer:
                    assert answer.status == 200
                    return await answer.text()

            old = parse_vkey(await asked("key"))
            done = await asyncio.to_thread(rotate, path)
            fact = EntityRegistered(entity="register:after", identity=Identity(name="行"))
            service.ledger.execute(Record(facts=(fact,)), HEAD)
            head = service.recorder.head()
            signed = await asyncio.to_thread(service.keeper.wait_for, head, 10.0)
            assert signed is not None
            assert signed.size >= head

            new = parse_vkey(await asked("key"))
            assert (old.vkey(), new.vkey()) == (done.old, done.new)
            note = parse_note((await asked("checkpoint")).encode())
            assert [s.key_id for s in verified(note, [old, new])] == [new.key_id]
            first, second = json.loads(await asked("keys"))["items"]
            assert first == {"vkey": done.old, "from_size": 0, "up_to_size": done.since}
            assert (second["vkey"], second["from_size"]) == (done.new, done.since)
            assert second["rotated_at"] == done.position
            # Whoever knows but the old key takes the announcement of the new one from it.
            announced = service.recorder.rows(done.position - 1, 1)[0].data
            receipt = parse_receipt(second["receipt"].encode())
            for key in (old, new):
                receipt.verify(announced, [key])
            with pytest.raises(ProofError):
                receipt.verify(announced + b" ", [old])
            event = codec.decode(done.position, announced).event
            assert isinstance(event, KeyRotated)
            assert event.new == new.vkey()
    check(path)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from api.cli.command_line import main; main()", *words],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_key_at_a_terminal(path: Path) -> None:
    """``log key`` prints what others need, before and after ``log rotate-key``."""
    before = run("log", "key", "--ledger", url(path))
    assert (before.returncode, before.stdout.strip()) == (0, check(path)[0])
    assert run("log", "rotate-key", "--ledger", url(path)).returncode == 0
    keys = check(path)
    assert run("log", "key", "--ledger", url(path)).stdout.strip() == keys[1]
    listed = json.loads(run("log", "key", "--ledger", url(path), "--json").stdout)
    assert [key["vkey"] for key in listed] == keys
    assert listed[0]["from_size"] == 0 < listed[1]["from_size"]

    nowhere = run("log", "key", "--ledger", url(path.with_name("none.db")))
    assert nowhere.returncode == 2
    assert "there is no ledger" in nowhere.stderr


def test_a_copy_at_a_terminal(path: Path, tmp_path: Path) -> None:
    """A copy of a log is refused in words that say what to do; ``log resume`` does it, once."""
    copy = Path(shutil.copytree(path.parent, tmp_path / "copy")) / path.name
    refused = run("log", "rotate-key", "--ledger", url(copy))
    assert refused.returncode == 2
    assert "supervision-ledger log resume" in " ".join(refused.stderr.split())
    resumed = run("log", "resume", "--ledger", url(copy), "--json")
    assert resumed.returncode == 0
    assert json.loads(resumed.stdout)["size"] > 0
    assert run("log", "key", "--ledger", url(copy)).returncode == 0
    assert run("log", "resume", "--ledger", url(copy)).returncode == 2


def test_a_witness_at_a_terminal(tmp_path: Path) -> None:
    """``witness serve`` makes its key once, cosigns, and is the same witness after a restart."""
    logs, key, store = tmp_path / "logs", tmp_path / "w.key", tmp_path / "w.db"
    logs.write_text(f"log {REGION.verifier().vkey()}\nquorum none\n")
    words = ["witness", "serve", f"--logs={logs}", f"--key={key}", f"--store={store}"]
    unnamed = run(*words)
    assert (unnamed.returncode, key.exists()) == (2, False)
    assert "--name" in unnamed.stderr

    for old, size in ((0, 5), (5, 9)):
        port = free_port()
        served = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from api.cli.command_line import main; main()",
                *words,
                "--name=witness.example/w9",
                f"--port={port}",
            ],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert served.stderr is not None
        try:
            said = served.stderr.readline()
            assert run("witness", "key", str(key)).stdout.strip() in said
            line = post(port, Region(size).submission(old))
            assert line.startswith("— witness.example/w9 ")
        finally:
            served.send_signal(signal.SIGTERM)
            assert served.wait(30) == 0
            served.stderr.close()
    assert key.stat().st_mode & 0o777 == 0o600

    store.rename(tmp_path / "elsewhere.db")
    forgetful = run(*words)
    assert (forgetful.returncode, store.exists()) == (2, False), "a key goes with its store"
    assert "restore that file" in forgetful.stderr.replace("\n", " ")
    (tmp_path / "elsewhere.db").rename(store)
    key.unlink()
    lost = run(*words, "--name=witness.example/w9")
    assert (lost.returncode, key.exists()) == (2, False), "a store goes with its key"
    logs.write_text("quorum none")
    assert "must name a log" in run(*words).stderr
    logs.write_text("log nonsense")
    assert "line 1" in run(*words).stderr


def post(port: int, body: bytes) -> str:
    for _ in range(50):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", "/add-checkpoint", body)
            return connection.getresponse().read().decode()
        except ConnectionError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError("nobody answers")
