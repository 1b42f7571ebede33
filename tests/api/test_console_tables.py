"""The import page takes what its form sends, and nothing that would fill the memory."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from api.console.pages.tables import MAX_BYTES, MAX_UNPACKED, read_table
from api.console.shell import ACT, FORM
from api.service import Service
from ledger.intake.sources import SourceError
from tests.api.test_console import form_of, sign_in, token

COMMAND = "casefiles/score-case-file"
KNOWN = ("file_review", "case")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}") as service:
        async with TestClient(TestServer(service.app())) as opened:
            opened.token = token(service, "enforcement_officer")  # type: ignore[attr-defined]
            await sign_in(opened, opened.token)  # type: ignore[attr-defined]
            yield opened


async def test_what_is_no_form_is_refused_and_no_fault_of_the_service(
    client: TestClient[Any, Any],
) -> None:
    """Parts that are not marked, not closed, or nested."""
    nested = (
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n\r\n--y--\r\n--x--"
    )
    for content_type, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"rubbish"),
        (f"multipart/form-data; boundary={'x' * 99}", b"--x"),
        ("multipart/form-data; boundary=x", nested),
    ):
        answer = await client.post(
            "/console/import", data=body, headers={"Content-Type": content_type}
        )
        assert answer.status == 400, content_type


async def test_many_small_parts_are_too_large_together(client: TestClient[Any, Any]) -> None:
    """The limit holds for the whole form, not for each of its parts."""
    form = FormData()
    for number in range(3):
        form.add_field(f"part{number}", io.BytesIO(b"x" * (MAX_BYTES // 2)), filename="a.csv")
    assert (await client.post("/console/import", data=form)).status == 413


async def test_another_session_does_not_reach_a_held_table(
    client: TestClient[Any, Any],
) -> None:
    """A table is found by its name only in the session that gave it."""
    secret = await form_of(client)
    form = FormData({FORM: secret, "command": COMMAND, ACT: "map"})
    form.add_field("file", b"file_review,case\nR-1,C-1\n", filename="t.csv")
    text = await (await client.post("/console/import", data=form)).text()
    assert 'name="table" value="' in text
    name = text.partition('name="table" value="')[2].partition('"')[0]
    again = {"command": COMMAND, ACT: "map", "table": name}
    mine = await client.post("/console/import", data={FORM: secret, **again})
    assert mine.status == 200
    # The same person, who signs in once more.
    await sign_in(client, client.token)  # type: ignore[attr-defined]
    other = await form_of(client)
    gone = await client.post("/console/import", data={FORM: other, **again})
    assert gone.status == 400


def _workbook(size: int) -> bytes:
    """Return a zipped workbook with a part that unpacks to so many bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * size)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.xlsx", _workbook(MAX_UNPACKED + 1)),
        ("t.csv", _workbook(MAX_UNPACKED + 1)),
        (
            "t.csv.gz",
            gzip.compress(b"file_review,case\n" + (b"R," + b"x" * 100_000 + b"\n") * 700, 1),
        ),
    ],
)
def test_what_unpacks_to_too_much_is_refused(name: str, content: bytes) -> None:
    """Whatever a file is called; a few bytes can expand to gigabytes."""
    assert len(content) < MAX_BYTES
    with pytest.raises(SourceError, match="must not unpack to more than 64 MiB"):
        read_table(name, content, KNOWN)
