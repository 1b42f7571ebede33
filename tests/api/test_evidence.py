"""Files of evidence over HTTP: streamed in, sealed, named by a command, read back by few."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.sealed import evidence as evidence_api
from ledger.copies.backup import make_backup
from ledger.copies.restore import restore
from ledger.evidence import FOLDER, Erased, Upload, evidence_folder
from ledger.general.mediatypes import media_type_of
from ledger.vault.sealing import Unsealable
from ledger.verification import Files, verify_ledger
from ledger.verification.copies import verify_backup
from tests.cast import E_A, E_B
from tests.scenarios.world import World

ROOT = Path(__file__).resolve().parents[2]
PHOTO = b"\xff\xd8\xff\xe0" + os.urandom(200_000)
DIGEST = sha256(PHOTO).hexdigest()
URL = "/v1/cases/CASE-1/files"
TAKEN_AT = "2026-05-11T08:30:00+08:00"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-05-11")
        await world.send("MRB head", "penalties/file-case", **world.case("CASE-1", E_A))
        yield world


async def ask(
    world: World, who: str, method: str = "GET", url: str = f"{URL}/{DIGEST}", **more: Any
) -> tuple[int, bytes, Any]:
    """Status, body and headers of an answer."""
    headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
    headers |= more.pop("headers", {})
    response = await world.client.request(method, url, headers=headers, **more)
    return response.status, await response.read(), response.headers


async def upload(
    world: World, content: bytes = PHOTO, who: str = "MRB officer", **more: Any
) -> Any:
    """Upload a file of the case; status and document."""
    headers = {"Authorization": f"Bearer {world.tokens[who]}"} | more.pop("headers", {})
    response = await world.client.post(more.pop("url", URL), data=content, headers=headers, **more)
    return response.status, await response.json()


async def recorded(world: World, expect: int = 201, **changed: Any) -> dict[str, Any]:
    """Record the photograph as a step of the case."""
    body = {
        "evidence": "EV-1",
        "case": "CASE-1",
        "step": "investigate",
        "medium": "photo",
        "evidence_hash": DIGEST,
        "taken_at": TAKEN_AT,
    } | changed
    return await world.send("MRB officer", "process/record-process-step", expect=expect, **body)


def stored(world: World) -> list[Path]:
    """The files that lie in the evidence store."""
    folder = evidence_folder(world.recorder.path)
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "subject")


async def test_uploaded_recorded_and_read_back(world: World) -> None:
    """The event says size and kind of what came; what lies on the disk is sealed."""
    status, answer = await upload(world)
    assert status == 201
    assert (answer["digest"], answer["size"], answer["media_type"]) == (
        DIGEST,
        len(PHOTO),
        "image/jpeg",
    )
    assert answer["waits_until"] == "2026-05-12T01:00:01Z"
    (file,) = stored(world)
    assert file.suffix == ".new"
    assert PHOTO[:64] not in file.read_bytes()
    event = (await recorded(world))["events"][0]["body"]
    assert event["file"] == {"size": len(PHOTO), "media_type": "image/jpeg"}
    status, body, headers = await ask(world, "MRB officer")
    assert (status, body) == (200, PHOTO)
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    status, body, headers = await ask(world, "MRB officer", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(PHOTO)))


async def test_one_range_of_it(world: World) -> None:
    """Any bytes, over the borders of parts, from either end; outside of it there are none."""
    await upload(world)
    size = len(PHOTO)
    for given, first, last in (
        ("bytes=0-0", 0, 0),
        ("bytes=65530-65540", 65530, 65540),
        ("bytes=199999-", 199_999, size - 1),
        ("bytes=-7", size - 7, size - 1),
        ("bytes=5-99999999", 5, size - 1),
    ):
        status, body, headers = await ask(world, "MRB head", headers={"Range": given})
        assert (status, body) == (206, PHOTO[first : last + 1]), given
        assert headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    for given in (f"bytes={size}-", "bytes=9-8", "bytes=-0"):
        status, _, headers = await ask(world, "MRB head", headers={"Range": given})
        assert (status, headers["Content-Range"]) == (416, f"bytes */{size}")
    for given in ("lines=1-2", f"bytes=0-{'9' * 5000}", f"bytes={'9' * 5000}-", "bytes=0-٣"):
        status, body, _ = await ask(world, "MRB head", headers={"Range": given})
        assert (status, body) == (200, PHOTO)


async def test_read_by_who_may_see_what_names_it(world: World) -> None:
    """Waiting, by its unit and JB; recorded, by its business too; unknown and not yours alike."""
    await upload(world)
    everybody = ("MRB officer", "JB", "E-A", "E-B", "EMB head", "EDB", "")
    assert [(await ask(world, who))[0] for who in everybody] == [200, 200, 404, 404, 404, 404, 401]
    await recorded(world)
    found = [(await ask(world, who))[0] for who in everybody]
    assert found == [200, 200, 200, 404, 404, 200, 401]
    unknown = await ask(world, "EMB head", url=f"{URL}/{'0' * 64}")
    hidden = await ask(world, "EMB head")
    assert unknown[0] == hidden[0] == 404
    looks = await world.get("JB", "/v1/access", kind="consultation", limit=100)
    assert any(URL.replace("CASE-1", "{case}") in str(item) for item in looks["items"])


async def test_what_was_given_in_confidence_is_the_units(world: World) -> None:
    """A piece that would betray who gave it is not shown to the business."""
    await upload(world)
    await world.send(
        "MRB officer",
        "penalties/add-evidence",
        evidence="EV-2",
        case="CASE-1",
        kind="documentary",
        title="举报人照片",
        digest=DIGEST,
        confidential=True,
    )
    assert [(await ask(world, who))[0] for who in ("MRB officer", "JB", "E-A", "EDB")] == [
        200,
        200,
        404,
        404,
    ]


async def test_who_may_upload(world: World) -> None:
    """The unit of the case; a case of others is answered as one that there is not."""
    for who, url, status in (
        ("EMB head", URL, 404),
        ("MRB officer", "/v1/cases/CASE-0/files", 404),
        ("JB", URL, 403),
        ("E-A", URL, 403),
    ):
        assert (await upload(world, who=who, url=url))[0] == status, who
    response = await world.client.post(URL, data=PHOTO)
    assert response.status == 401
    assert stored(world) == []


@pytest.mark.parametrize(
    ("content", "headers", "kind"),
    [
        (b"", {}, "malformed"),
        (b"\x00\x01\x02\x03" * 9, {}, "unsupported-file"),
        (b"MZ\x90\x00" + b"\x00" * 60, {}, "unsupported-file"),
        (PHOTO, {"Content-Encoding": "gzip"}, "unsupported-encoding"),
        (PHOTO, {"Repr-Digest": "sha-256=:" + b64encode(b"\0" * 32).decode() + ":"}, "malformed"),
        (PHOTO, {"Content-Digest": "md5=:abc:"}, "malformed"),
    ],
)
async def test_what_is_not_taken_leaves_nothing(
    world: World, content: bytes, headers: dict[str, str], kind: str
) -> None:
    """Nothing, an unknown kind, another coding, another digest than was stated."""
    _, problem = await upload(world, content, headers=headers)
    assert problem["type"] == f"/problems/{kind}"
    assert stored(world) == []


async def test_a_stated_digest_that_is_right(world: World) -> None:
    stated = "sha-256=:" + b64encode(sha256(PHOTO).digest()).decode() + ":"
    assert (await upload(world, headers={"Repr-Digest": stated}))[0] == 201


async def test_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, by its length or as it comes; no room; too many at once: nothing is left."""
    files = world.service.evidence
    monkeypatch.setattr(files, "most", 100_000)

    async def streamed() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield PHOTO[:50_000]

    assert (await upload(world))[1]["type"] == "/problems/too-large"
    assert (await upload(world, streamed()))[1]["type"] == "/problems/too-large"  # type: ignore[arg-type]
    monkeypatch.setattr(files, "most", 1 << 30)
    monkeypatch.setattr(files, "quota", 4 * 150_000)
    assert (await upload(world))[1]["type"] == "/problems/out-of-room"
    assert stored(world) == []
    monkeypatch.setattr(files, "quota", 1 << 30)
    monkeypatch.setattr(evidence_api, "UPLOADS_OF_ONE", 0)
    assert (await upload(world))[1]["type"] == "/problems/too-many-requests"
    monkeypatch.setattr(evidence_api, "UPLOADS_OF_ONE", 1)
    assert (await upload(world))[0] == 201


async def test_a_slow_upload_is_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_api, "IDLE_SECONDS", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield PHOTO[:1000]
        await asyncio.sleep(0.5)
        yield PHOTO[1000:]

    assert (await upload(world, slow()))[1]["type"] == "/problems/timed-out"  # type: ignore[arg-type]
    assert stored(world) == []


async def test_a_hash_typed_by_hand_says_that_its_file_is_elsewhere(world: World) -> None:
    """With where, or without; an uploaded one is nowhere else, and fits its medium."""
    answer = await recorded(world, elsewhere="档案室 3 柜")
    assert answer["events"][0]["body"]["elsewhere"] == "档案室 3 柜"
    assert "file" not in answer["events"][0]["body"]
    await upload(world)
    problem = await recorded(world, 400, evidence="EV-2", elsewhere="档案室")
    assert problem["pointer"] == "/elsewhere"
    assert (await recorded(world, 400, evidence="EV-2", medium="audio"))["pointer"] == "/medium"
    sent = {"size": 1, "media_type": "image/png"}
    assert (await recorded(world, 400, evidence="EV-2", file=sent))["pointer"] == "/file"
    shown = await world.get("MRB officer", "/v1/process-records/CASE-1")
    assert shown["steps"][0]["elsewhere"] == "档案室 3 柜"


async def test_a_file_takes_the_place_of_another(world: World) -> None:
    """Superseded by an uploaded one, of the case that the piece is of; both are read."""
    await upload(world)
    await recorded(world)
    scan = b"%PDF-1.7 " + b"x" * 5000
    other = (await upload(world, scan))[1]["digest"]
    answer = await world.send(
        "MRB head",
        "process/supersede-evidence",
        evidence="EV-1",
        evidence_hash=other,
        reason="补扫",
    )
    assert answer["events"][0]["body"]["file"]["media_type"] == "application/pdf"
    assert (await ask(world, "E-A", url=f"{URL}/{other}"))[1] == scan
    assert (await ask(world, "E-A"))[1] == PHOTO


async def test_what_nothing_names_is_removed_after_a_day(world: World) -> None:
    """And what an event names is kept, whether that was noted or not."""
    await upload(world)
    await recorded(world)
    await upload(world, b"%PDF-1.7 nobody names this")
    files = world.service.evidence
    assert files.sweep(older=3600) == 0
    names = [file.name for file in stored(world)]
    assert DIGEST in names
    assert len(names) == 2
    assert files.sweep(older=-1) == 1
    assert [file.name for file in stored(world)] == [DIGEST]
    assert (await ask(world, "E-A"))[1] == PHOTO


def age(world: World) -> float:
    """How long the one file that waits has waited, in seconds."""
    (waiting,) = world.service.evidence.store.waiting()
    return waiting.age


def grow_old(world: World) -> None:
    """Have every waiting file wait for 20 hours already."""
    for file in stored(world):
        os.utime(file, (time.time() - 72_000,) * 2)


async def test_waiting_begins_anew_for_a_command_of_its_unit_alone(world: World) -> None:
    """Not by a look at the file, and not by a command that others are refused."""
    await upload(world)
    grow_old(world)
    assert (await ask(world, "MRB officer"))[0] == 200
    assert age(world) > 70_000
    body = {"evidence": "EV-1", "case": "CASE-1", "step": "investigate", "medium": "photo"}
    body |= {"evidence_hash": DIGEST, "taken_at": TAKEN_AT}
    await world.send("EMB head", "process/record-process-step", expect=422, **body)
    assert age(world) > 70_000
    await recorded(world, 400, taken_at="2030-01-01T00:00:00+08:00")
    assert age(world) < 1000


async def test_the_same_request_again_whatever_became_of_the_file(world: World) -> None:
    """Before its file was uploaded and after; after its file was erased: answered as before."""
    headers = {"Authorization": f"Bearer {world.tokens['MRB officer']}"}

    async def record(evidence: str, digest: str) -> tuple[int, dict[str, Any]]:
        response = await world.client.post(
            "/v1/process/record-process-step",
            headers={**headers, "Idempotency-Key": evidence},
            json={
                "evidence": evidence,
                "case": "CASE-1",
                "step": "investigate",
                "medium": "photo",
                "evidence_hash": digest,
                "taken_at": TAKEN_AT,
            },
        )
        return response.status, await response.json()

    status, first = await record("EV-1", DIGEST)
    assert (status, "file" in first["events"][0]["body"]) == (201, False)
    await upload(world)
    status, again = await record("EV-1", DIGEST)
    assert (status, again["events"]) == (200, first["events"])
    status, named = await record("EV-2", DIGEST)
    assert (status, "file" in named["events"][0]["body"]) == (201, True)
    await erase(world)
    status, again = await record("EV-2", DIGEST)
    assert (status, again["events"]) == (200, named["events"])
    assert (await record("EV-2", "0" * 64))[0] == 422


async def test_a_file_that_came_after_its_digest_is_adopted(world: World) -> None:
    """By superseding the piece with the same digest: from then on it is kept and read."""
    await recorded(world, elsewhere="档案室 3 柜")
    await upload(world)
    body = {"evidence": "EV-1", "evidence_hash": DIGEST, "reason": "原件已上传"}
    await world.send("MRB head", "process/supersede-evidence", **body)
    assert world.service.evidence.sweep(older=-1) == 0
    assert (await ask(world, "E-A"))[1] == PHOTO
    await world.send("MRB head", "process/supersede-evidence", expect=400, **body)


async def test_what_is_stored_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploaded again, named, erased: room is taken by what lies there, and no longer."""
    files = world.service.evidence
    # A quarter may wait: one file of this size, and another while it comes.
    monkeypatch.setattr(files, "quota", 4 * 450_000)
    for _ in range(4):
        assert (await upload(world))[0] == 201
    assert (files._used, files._waits) == files.store.used()
    await recorded(world)
    assert files._waits == 0
    for _ in range(4):
        assert (await upload(world))[0] == 201
    assert (files._used, files._waits) == (files.store.used()[0], 0)
    await erase(world)
    assert files._used == files.store.used()[0] == 0


async def test_an_upload_that_an_erasure_overtakes(world: World) -> None:
    """Is refused when it is complete, leaves nothing, and no event says that it is here."""
    files = world.service.evidence
    begun = files.receive("CASE-1")
    begun.write(PHOTO)
    await erase(world)
    with pytest.raises(Erased, match="were erased"):
        begun.keep()
    begun.discard()
    assert (stored(world), files._used) == ([], 0)
    assert "file" not in (await recorded(world))["events"][0]["body"]


async def test_read_and_copied_while_it_is_settled(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is found whichever of its two names it has by then."""
    await upload(world)
    await recorded(world)
    (kept,) = stored(world)
    waiting = kept.with_name(f"{kept.name}.new")
    real_open, real_copy = Path.open, shutil.copyfile

    def opened(path: Path, *rest: Any, **more: Any) -> Any:
        try:
            return real_open(path, *rest, **more)
        finally:
            if path == kept and waiting.exists():
                waiting.replace(kept)

    def copied(source: Any, target: Any, **more: Any) -> Any:
        if Path(source) == waiting:
            waiting.replace(kept)
        return real_copy(source, target, **more)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(shutil, "copyfile", copied)
    kept.replace(waiting)
    assert (await ask(world, "MRB officer"))[1] == PHOTO
    kept.replace(waiting)
    assert make_backup(world.recorder.path, tmp_path / "backup").lacking == ()
    assert verify_backup(tmp_path / "backup").faults == ()


async def test_a_thread_removes_what_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop does not wait for the disk."""
    real, threads = Upload.discard, []

    def discard(begun: Upload) -> None:
        threads.append(threading.current_thread())
        real(begun)

    monkeypatch.setattr(Upload, "discard", discard)
    assert (await upload(world, b"\x00\x01\x02\x03"))[0] == 415
    assert threads
    assert threading.main_thread() not in threads


async def erase(world: World) -> None:
    """Have the files of the case erased."""
    law = [{"instrument": "个人信息保护法", "article": "Art. 47"}]
    body = {"case": "CASE-1", "reason": "unlawful_processing", "legal_basis": law}
    await world.send("MRB head", "process/erase-case-files", **body)


async def test_erasing_destroys_the_key_and_leaves_the_digests(world: World) -> None:
    """For good: nothing is shown, nothing more is taken, and verifying finds nothing missing."""
    await upload(world)
    await recorded(world)
    body = {"case": "CASE-1", "reason": "unlawful_processing"}
    law = [{"instrument": "个人信息保护法", "article": "Art. 47"}]
    await world.send("MRB head", "process/erase-case-files", expect=400, **body)
    early = {**body, "reason": "retention_expired", "legal_basis": law}
    await world.send("MRB head", "process/erase-case-files", expect=409, **early)
    await world.send("MRB head", "process/erase-case-files", **body, legal_basis=law)
    assert world.service.vault.secret("case:CASE-1") is None
    assert stored(world) == []
    assert (await ask(world, "MRB officer"))[0] == 404
    assert (await upload(world))[1]["type"] == "/problems/out-of-step"
    shown = await world.get("MRB officer", "/v1/process-records/CASE-1")
    assert shown["steps"][0]["evidence_hash"] == DIGEST
    assert verify_ledger(Files.of(world.recorder.path)).faults == ()


async def test_backup_restore_and_verify_take_the_files(world: World, tmp_path: Path) -> None:
    """Copied as they lie; a missing and a changed one are named, by case and position."""
    await upload(world)
    position = (await recorded(world))["position"]
    backup, target = tmp_path / "backup", tmp_path / "restored"
    assert make_backup(world.recorder.path, backup).lacking == ()
    assert verify_backup(backup).faults == ()
    target.mkdir()
    assert restore(backup, target / "ledger.db").lacking == ()
    (copy,) = (p for p in evidence_folder(target / "ledger.db").rglob(f"{DIGEST}*"))
    (file,) = stored(world)
    assert copy.read_bytes() == file.read_bytes()
    found = verify_ledger(Files.of(world.recorder.path))
    assert (found.faults, found.counts["evidence"]) == ((), 1)
    content = bytearray(file.read_bytes())
    content[70_000] ^= 1
    file.write_bytes(content)
    (fault,) = verify_ledger(Files.of(world.recorder.path)).faults
    assert (fault.position, fault.where) == (position, f"evidence {DIGEST} of case CASE-1")
    assert "was changed" in fault.what
    file.unlink()
    (fault,) = verify_ledger(Files.of(world.recorder.path)).faults
    assert "missing" in fault.what
    lacking = make_backup(world.recorder.path, tmp_path / "again").lacking
    assert lacking == (DIGEST,)


async def test_files_of_two_cases_share_nothing(world: World) -> None:
    """The same content of another case lies under another key, and does not open for this one."""
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-2", E_B))
    await upload(world)
    await upload(world, url="/v1/cases/CASE-2/files")
    one, two = stored(world)
    assert one.read_bytes()[100:] != two.read_bytes()[100:]
    one_content, two_content = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_content)
    two.write_bytes(one_content)
    for case in ("CASE-1", "CASE-2"):
        parts = world.service.evidence.read(case, DIGEST)
        assert parts is not None
        with pytest.raises(Unsealable, match="cannot be opened"):
            next(parts)
        assert (await ask(world, "MRB officer", url=f"/v1/cases/{case}/files/{DIGEST}"))[0] == 503


#: What README tells a reader to type: with a file as the body, with JSON, or to a file.
TYPED = re.compile(
    r"^    curl -H \"Authorization: Bearer \$TOKEN\" "
    r"(?:--data-binary @\S+|--json '(?P<json>[^\n]+)'|-o \S+) \$LEDGER(?P<path>\S+)$",
    re.MULTILINE,
)


async def test_readme_says_how(world: World) -> None:
    """The three lines of README, as they stand there: upload, record, read back."""
    text = (ROOT / "README.md").read_text("utf-8").replace("'$DIGEST'", DIGEST)
    found = list(TYPED.finditer(text.replace("$DIGEST", DIGEST)))
    assert [match["json"] is None for match in found] == [True, False, True]
    put, named, back = (match["path"] for match in found)
    assert (await upload(world, url=put))[0] == 201
    body = json.loads(found[1]["json"])
    await world.send("MRB officer", named.removeprefix("/v1/"), **body)
    assert (await ask(world, "MRB officer", url=back))[1] == PHOTO


@pytest.mark.parametrize(
    ("begins", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"RIFF\x00\x00\x00\x00WAVE", "audio/wav"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        ("现场笔录\n".encode(), "text/plain"),
        (("现" * 2000).encode()[:4096], "text/plain"),
        (b"PK\x03\x04", "application/zip"),
        ("现场".encode("gb18030"), None),
        (b"a\x00b", None),
        (b"", None),
    ],
)
def test_kinds_are_told_by_their_bytes(begins: bytes, media_type: str | None) -> None:
    assert media_type_of(begins) == media_type


def test_the_folder_lies_with_the_blobs(tmp_path: Path) -> None:
    assert evidence_folder(tmp_path / "ledger.db") == tmp_path / "ledger.db.blobs" / FOLDER
