"""The witness: the status codes of the specification, and never two trees that contradict."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography.exceptions import InvalidSignature
from structlog.testing import capture_logs
from tlog_scales.signing import NoteSignature, Vkey
from tlog_scales.tlog import Checkpoint as TheirCheckpoint

from api.log.witness import make_witness_app
from ledger.stores import StoreError
from ledger.transparency.checkpoints import (
    Checkpoint,
    cosigned,
    cosigned_at,
    parse_checkpoint,
    sign_checkpoint,
)
from ledger.transparency.merkle import EMPTY_ROOT
from ledger.transparency.notes import parse_note, verified
from ledger.transparency.submissions import MAX_SUBMISSION, Submission, parse_submission
from ledger.transparency.witness import OtherSize, Witness, origin_hash
from tests.transparency.regions import ORIGIN, OTHERS, REGION, WITNESS, WITNESS_KEY, Region, signer

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    witness = Witness(tmp_path / "witness.db", WITNESS, [REGION.verifier()], clock=lambda: NOW)
    yield witness
    witness.close()


@pytest.fixture
async def client(witness: Witness) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(make_witness_app(witness))) as client:
        yield client


async def sent(client: TestClient, body: bytes) -> tuple[int, str, str]:
    async with client.post("/add-checkpoint", data=body) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_a_log_that_grows(client: TestClient) -> None:
    """Each further checkpoint gets a line that holds over its text, and is there for monitors."""
    place = f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    assert (await client.get(place)).status == 404
    old = 0
    for size in (3, 3, 8, 300):
        region = Region(size)
        status, _, line = await sent(client, region.submission(old))
        assert status == 200
        note = parse_note(region.checkpoint() + line.encode())
        (signature,) = cosigned(note, [WITNESS_KEY])
        assert cosigned_at(signature) == int(NOW.timestamp())

        served = parse_note(await (await client.get(place)).read())
        assert served == note
        assert verified(served, [REGION.verifier()])
        old = size


@pytest.mark.parametrize(
    ("body", "evidence"),
    [
        (Submission(5, (b"x" * 32,), Region(8).checkpoint()).encode(), False),
        (Submission(5, (), Region(8).checkpoint()).encode(), False),
        (Submission(5, (b"x" * 32,), Region(5).checkpoint()).encode(), False),
        (Region(8, fork=2).submission(5), False),
        (Region(5, fork=2).submission(5), True),
    ],
)
async def test_what_is_evidence_against_a_log(
    client: TestClient, witness: Witness, body: bytes, *, evidence: bool
) -> None:
    """Two trees of one size under its signature. A proof is anybody's, also of a genuine tree."""
    witness.add_checkpoint(Region(5).submission(0))
    with capture_logs() as logs:
        assert (await sent(client, body))[0] == 422
    errors = [one["event"] for one in logs if one["log_level"] == "error"]
    assert errors == (["log_not_consistent"] if evidence else [])
    assert ("not_cosigned", 422) in [(one["event"], one.get("status")) for one in logs]


async def test_a_stranger_verifies_the_cosignature(client: TestClient) -> None:
    """tlog-scales, which nobody here wrote, takes the line, and not for another checkpoint."""
    region = Region(5)
    _, _, line = await sent(client, region.submission(0))
    vkey = Vkey.from_string(await (await client.get("/key")).text())
    signature = NoteSignature.from_line(line.rstrip("\n"))

    vkey.get_verifier().verify_note(signature, TheirCheckpoint(ORIGIN, 5, region.root(5), []))
    with pytest.raises(InvalidSignature):
        vkey.get_verifier().verify_note(signature, TheirCheckpoint(ORIGIN, 6, region.root(5), []))


def changed(submission: bytes, change: Callable[[Submission], Submission]) -> bytes:
    return change(parse_submission(submission)).encode()


def signed(origin: str, size: int, root: bytes) -> bytes:
    return sign_checkpoint(Checkpoint(origin, size, root), REGION).encode()


FIVE = Region(5).checkpoint()
EIGHT, FORK = Region(8), Region(8, fork=4)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        # 400: malformed, or an old size above the new one
        (b"", 400),
        (b"old 5\n", 400),
        (b"old 05\n\n" + FIVE, 400),
        (b"old +5\n\n" + FIVE, 400),
        (b"old " + b"9" * 5_000 + b"\n\n" + FIVE, 400),
        (b"new 5\n\n" + FIVE, 400),
        (b"old 5\nAAAA\n\n" + FIVE, 400),
        (b"old 5\nno base64!\n\n" + FIVE, 400),
        (b"old 5\n" + (b64encode(bytes(32)) + b"\n") * 64 + b"\n" + EIGHT.checkpoint(), 400),
        (b"old 5\n\n" + FIVE.partition("—".encode())[0], 400),
        (b"old 5\n\n" + FIVE.replace(b"\n5\n", b"\n" + b"9" * 5_000 + b"\n"), 400),
        (b"old 5\n\n\xff" + FIVE, 400),
        (b"old 6\n\n" + FIVE, 400),
        # 404 before 403: of what is not known, nobody's signature is trusted
        (b"old 5\n\n" + signed("unknown.example", 5, bytes(32)), 404),
        # 403: nobody trusted has signed it, or such a signature is wrong
        (Region(8, key=OTHERS).submission(5), 403),
        (Region(8, key=signer(ORIGIN, 9)).submission(5), 403),
        (EIGHT.submission(5).replace(b"\n8\n", b"\n9\n"), 403),
        # 409: another old size than that cosigned last, whatever the proof is worth
        (EIGHT.submission(4), 409),
        (EIGHT.submission(0), 409),
        (EIGHT.submission(6), 409),
        (FORK.submission(7), 409),
        # 422: not the tree that began so
        (FORK.submission(5), 422),
        (b"old 5\n\n" + EIGHT.checkpoint(), 422),
        (b"old 5\n\n" + Region(5, fork=4).checkpoint(), 422),
        (b"old 5\n" + b64encode(bytes(32)) + b"\n\n" + FIVE, 422),
        (
            changed(
                EIGHT.submission(5),
                lambda s: Submission(s.old, (*s.proof, bytes(32)), s.checkpoint),
            ),
            422,
        ),
        # 200, to show that the rest fails for its own reason
        (EIGHT.submission(5), 200),
        (Region(5).submission(5), 200),
    ],
)
async def test_status_codes(client: TestClient, body: bytes, status: int) -> None:
    """A witness that cosigned five leaves answers each submission with the code that it has."""
    assert (await sent(client, Region(5).submission(0)))[0] == 200

    answer = await sent(client, body)

    assert answer[0] == status
    if status == 409:
        assert answer[1:] == ("text/x.tlog.size", "5\n")
    kept = await (await client.get(f"/{origin_hash(ORIGIN)}/checkpoint")).read()
    size = parse_checkpoint(parse_note(kept).text).size
    assert size == (8 if body == EIGHT.submission(5) else 5), "what is declined changes nothing"


@pytest.mark.parametrize(
    ("size", "root", "proof", "status"),
    [
        (0, EMPTY_ROOT, (), 200),
        (0, bytes(32), (), 422),
        (5, Region(5).root(5), (), 200),
        (5, Region(5).root(5), (bytes(32),), 422),
    ],
)
async def test_the_first_time(
    client: TestClient, size: int, root: bytes, proof: tuple[bytes, ...], status: int
) -> None:
    """From nothing, nothing is to be proven; a tree without leaves has but one root."""
    body = Submission(0, proof, signed(ORIGIN, size, root)).encode()

    assert (await sent(client, body))[0] == status


async def test_a_body_that_is_no_deflate(client: TestClient) -> None:
    """What cannot be unpacked is the sender's fault."""
    async with client.post(
        "/add-checkpoint", data=b"xxxx", headers={"Content-Encoding": "deflate"}
    ) as answer:
        assert answer.status == 400


async def test_bounds(client: TestClient) -> None:
    """A body that is too long is not read to its end; other methods and places are not there."""
    assert (await sent(client, b"o" * (MAX_SUBMISSION + 1)))[0] == 413
    assert (await client.get("/add-checkpoint")).status == 405
    for place in ("/", "/checkpoint", f"/{ORIGIN}/checkpoint", "/" + "A" * 64 + "/checkpoint"):
        assert (await client.get(place)).status == 404


async def test_a_disk_that_is_full(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be kept is not cosigned."""

    def full(_body: bytes) -> str:
        raise StoreError("disk full")

    monkeypatch.setattr(client.app[next(iter(client.app))], "add_checkpoint", full)
    status, _, text = await sent(client, Region(5).submission(0))
    assert (status, "—" in text) == (503, False)


def test_a_log_that_changes_its_key(tmp_path: Path) -> None:
    """With both keys configured the log goes on under the new one."""
    new = signer(ORIGIN, 7)
    witness = Witness(tmp_path / "w.db", WITNESS, [REGION.verifier(), new.verifier()])
    witness.add_checkpoint(Region(5).submission(0))
    witness.add_checkpoint(Region(8, key=new).submission(5))

    found = witness.newest(origin_hash(ORIGIN))
    assert found is not None
    assert (found.size, len(parse_note(found.note()).signatures)) == (8, 2)
    witness.close()


def test_what_was_cosigned_stays(witness: Witness) -> None:
    """The store itself takes nothing back."""
    witness.add_checkpoint(Region(5).submission(0))
    for change in ("DELETE FROM cosigned", "UPDATE cosigned SET size = 4"):
        with pytest.raises(StoreError), witness._file.writing() as sqlite:
            sqlite.execute(change)


def test_two_trees_race(tmp_path: Path) -> None:
    """Of two different trees from one size on, two processes' worth of witness cosign just one."""
    path = tmp_path / "witness.db"
    witnesses = [Witness(path, WITNESS, [REGION.verifier()]) for _ in range(2)]
    taken = Region(0)
    for _ in range(30):
        # The same beginning, whichever of the two was taken last.
        old, trees = taken.size, []
        for word in "xy":
            tree = Region(0)
            tree.leaves = [*taken.leaves, *Region(old + 3, fork=old, word=word).leaves[old:]]
            trees.append(tree)
        gate = threading.Barrier(2)
        lines: dict[int, str] = {}
        sizes: list[int] = []

        def ask(
            n: int,
            tree: Region,
            old: int = old,
            gate: threading.Barrier = gate,
            lines: dict[int, str] = lines,
            sizes: list[int] = sizes,
        ) -> None:
            body = tree.submission(old)
            gate.wait()
            try:
                lines[n] = witnesses[n].add_checkpoint(body)
            except OtherSize as other:
                sizes.append(other.size)

        threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(trees)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(lines) == 1, "both were cosigned, or none"
        assert sizes == [old + 3]
        taken = trees[next(iter(lines))]
        assert witnesses[0].newest(origin_hash(ORIGIN)) == witnesses[1].newest(origin_hash(ORIGIN))
    for one in witnesses:
        one.close()


async def test_two_requests_at_a_time(client: TestClient) -> None:
    """Over HTTP too: exactly one of many that start from the same size."""
    assert (await sent(client, Region(5).submission(0)))[0] == 200
    rivals = [Region(9, fork=5, word=word) for word in "abcdefgh"]

    answers = await asyncio.gather(*(sent(client, rival.submission(5)) for rival in rivals))

    assert sorted(status for status, *_ in answers) == [200] + [409] * 7


class Process:
    """A witness in a process of its own."""

    def __init__(self, store: Path, dies: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.transparency.dying_witness", str(store), dies],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}/add-checkpoint"

    async def ask(self, body: bytes) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.address, data=body) as answer,
        ):
            return answer.status, await answer.text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.parametrize(("dies", "size"), [("before", 5), ("after", 8)])
async def test_killed_before_the_answer(tmp_path: Path, dies: str, size: int) -> None:
    """What was not answered was kept or was not; either way no other tree is cosigned after it."""
    store = tmp_path / "witness.db"
    healthy = Process(store, "never")
    try:
        assert (await healthy.ask(Region(5).submission(0)))[0] == 200
    finally:
        healthy.kill()
    dying = Process(store, dies)
    try:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await dying.ask(EIGHT.submission(5))
        await asyncio.to_thread(dying.process.wait, 10)
    finally:
        dying.kill()

    again = Process(store, "never")
    try:
        assert await again.ask(Region(9, fork=4).submission(3)) == (409, f"{size}\n")
        other = Region(9, fork=6)  # agrees with what was answered, not with what may have been kept
        status, _ = await again.ask(other.submission(size))
        assert status == (422 if dies == "after" else 200)
        if dies == "after":  # the log that was honest gets its signature when it asks again
            assert (await again.ask(EIGHT.submission(8)))[0] == 200
    finally:
        again.kill()


@pytest.mark.timeout(120)
async def test_killed_at_random(tmp_path: Path) -> None:
    """While a log that forked asks for both its trees, kills at any moment bring out only one."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    cosigned_trees: list[tuple[int, str]] = []
    words = {}
    for _ in range(8):
        process = Process(tmp_path / "witness.db", "never")

        async def ask(word: str, process: Process = process) -> None:
            old = 0
            with suppress(aiohttp.ClientError, ConnectionError):
                while old < 2_000:
                    tree = Region(old + 1, fork=0, word=word)
                    status, said = await process.ask(tree.submission(old))
                    if status == 200:
                        cosigned_trees.append((old + 1, word))
                        old += 1
                    elif status == 409:
                        old = int(said)
                    else:
                        words[word] = status
                        return

        try:
            askers = [asyncio.create_task(ask(word)) for word in "xy"]
            await asyncio.sleep(chance.uniform(0.02, 0.4))
            process.kill()
            await asyncio.gather(*askers)
        finally:
            process.kill()
    assert len({word for _, word in cosigned_trees}) == 1, "two trees were cosigned"
    assert 422 in words.values(), "the other tree was never even tried"
