"""Documents as PDF: who reads them, what they show; the same content, the same file."""

from __future__ import annotations

import re
import zlib
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from api.documents.sheet import Sheet, lines_of, written
from api.service import Service
from tests.api.district_ledger import tokens_of

Client = TestClient[Any, Any]
ENTITY = "91620100MA7LX2012H"
PROFILE = f"/v1/entities/{ENTITY}/profile"
GRANTED = "/v1/repair/cases/REP-2026-01"
PDF = "application/pdf"


def headers_of(service: Service, key: str, **more: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {tokens_of(service)[key]}",
        "Accept-Language": "zh",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def glyphs_of(pdf: bytes) -> set[int]:
    """Return the characters that a PDF can show: those of its table from glyphs to Unicode."""
    shown: set[int] = set()
    for stream in re.findall(rb"\nstream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            text = zlib.decompress(stream)
        except zlib.error:
            text = stream
        if b"begincmap" in text:
            for high in re.findall(rb"<[0-9A-Fa-f]{4}> <([0-9A-Fa-f]{4})>", text):
                shown.add(int(high, 16))
    return shown


async def test_a_document_is_the_twin_of_its_resource(
    district_service: Service, district_client: Client
) -> None:
    """By the end of the path or by Accept; the same answer makes the same bytes."""
    headers = headers_of(district_service, "Chunhe")
    first = await district_client.get(f"{PROFILE}.pdf", headers=headers)
    body = await first.read()
    assert (first.status, first.content_type) == (200, PDF)
    assert body.startswith(b"%PDF-")
    assert {ord(character) for character in "兰州新区春禾食品有限公司行政处罚"} <= glyphs_of(body)
    again = await district_client.get(PROFILE, headers={**headers, "Accept": PDF})
    assert await again.read() == body
    held = {**headers, "If-None-Match": first.headers["ETag"]}
    assert (await district_client.get(f"{PROFILE}.pdf", headers=held)).status == 304
    in_english = {**headers, "Accept-Language": "en"}
    english = await district_client.get(f"{PROFILE}.pdf", headers=in_english)
    assert english.headers["Content-Language"] == "en"
    assert await english.read() != body
    as_json = await district_client.get(PROFILE, headers={**headers, "Accept": "*/*"})
    assert as_json.content_type == "application/json"


async def test_a_document_shows_nobody_more_than_json(
    district_service: Service, district_client: Client
) -> None:
    """It is refused where JSON is, and has the parts that the JSON answer has."""
    owner = headers_of(district_service, "Chunhe")
    own = await district_client.get(f"{PROFILE}.pdf", headers=owner)
    public = await district_client.get(f"{PROFILE}.pdf", headers={"Accept-Language": "zh"})
    assert len(await public.read()) < len(await own.read())
    for path in (GRANTED, "/v1/repair/records/CR-2026-03"):
        for key in ("Qingtian", "EMB head"):
            headers = headers_of(district_service, key)
            plain = await district_client.get(path, headers=headers)
            printed = await district_client.get(f"{path}.pdf", headers=headers)
            assert printed.status == plain.status in (403, 404)
        assert (await district_client.get(f"{path}.pdf")).status in (401, 403)
    assert (await district_client.get("/v1/entities/nobody/profile.pdf")).status == 404


async def test_every_notice_of_an_application_is_printed(
    district_service: Service, district_client: Client
) -> None:
    """The newest by default; a step that was not taken has none."""
    headers = headers_of(district_service, "MRB head")
    newest = await (await district_client.get(f"{GRANTED}.pdf", headers=headers)).read()
    printed = {}
    for notice in ("grant", "acceptance", "supplement", "refusal", "extension", "rejection"):
        answer = await district_client.get(f"{GRANTED}.pdf?notice={notice}", headers=headers)
        printed[notice] = await answer.read() if answer.status == 200 else answer.status
    assert printed["grant"] == newest
    assert isinstance(printed["acceptance"], bytes)
    assert [printed[n] for n in ("supplement", "refusal", "extension", "rejection")] == [404] * 4
    wrong = await district_client.get(f"{GRANTED}.pdf?notice=other", headers=headers)
    assert wrong.status == 400
    record = await district_client.get("/v1/repair/records/CR-2026-03.pdf", headers=headers)
    assert set(map(ord, "信用修复告知书")) <= glyphs_of(await record.read())


def test_a_character_that_the_font_lacks_is_told() -> None:
    """Rare characters of names as their code points; all of the standard list are drawn."""
    assert written("𠮷野家") == "〔U+20BB7〕野家"
    assert written("㑇䶮镕") == "㑇䶮镕"
    assert written("行政执法　“双随机”——《条例》①✓ 100％") == "行政执法　“双随机”——《条例》①✓ 100％"
    assert written("a\u200bb\tc") == "ab c"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("甲乙丙丁", ["甲乙丙", "丁"]),
        ("甲乙丙，丁", ["甲乙", "丙，丁"]),
        ("甲乙（丙", ["甲乙", "（丙"]),
        ("ab cd ef", ["ab", "cd", "ef"]),
        ("abcdefgh", ["abc", "def", "gh"]),
        ("甲\n乙", ["甲", "乙"]),
        ("", [""]),
    ],
)
def test_lines_break_where_they_may(text: str, lines: list[str]) -> None:
    """No line begins with a closing mark or ends with an opening one; words stay whole."""
    assert lines_of(text, 3.0, lambda part: float(len(part))) == lines


def test_a_sheet_says_nothing_of_its_making() -> None:
    """Neither the day nor anything random is in the file."""

    def made() -> bytes:
        sheet = Sheet("题", "脚", "zh")
        sheet.title_block("题", "下")
        sheet.rows(["甲", "乙"], [["一", "二"]] * 80)
        sheet.code("https://x.example/v1/events/1/receipt", "扫码")
        return sheet.made()

    assert made() == made()
