"""``/public``: what everybody reads without a token, as pages and as CSV; and how often."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.http.addresses import networks
from api.http.front import Edge
from api.http.rates import Rates
from api.http.sheets import XLSX, harmless
from api.public import pages
from api.public.lists import LISTS
from api.public.rendering import with_links
from api.service import Service
from ledger.kernel.messages import catalogue
from tests.api.district_ledger import tokens_of

Client = TestClient[Any, Any]
PATHS = [one.path for one in LISTS]


class Page(HTMLParser):
    """What a browser makes of a page: its cells, its links, and elements that it must not have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "td":
            self._in_cell = True
            self.cells.append("")
        if tag == "a":
            self.links.append(str(dict(attrs)["href"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def followed() -> set[str]:
    """The links that were followed: those of the frame are on every page."""
    return set()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_each_list_is_a_page_and_a_table(
    district_client: Client, path: str, language: str, followed: set[str]
) -> None:
    """All show the same rows; the page needs no script, and every link of it leads somewhere."""
    answer = await district_client.get(path, params={"lang": language})
    text = await answer.text()
    assert (answer.status, answer.content_type) == (200, "text/html"), text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Language"].startswith(language)
    page = Page(text)
    assert page.cells, "it shows something"
    assert {"script", "style", "iframe"}.isdisjoint(page.tags)
    assert not re.search(r"\son\w+=|\sstyle=", text)
    for link in page.links:
        if not link.startswith(("#", "http")) and link not in followed:
            assert (await district_client.get(link)).status == 200, link
            followed.add(link)

    answer = await district_client.get(f"{path}.xlsx", params={"lang": language})
    assert (answer.status, answer.content_type) == (200, XLSX)
    with ZipFile(BytesIO(await answer.read())) as parts:
        book = parts.read("xl/worksheets/sheet1.xml")
    answer = await district_client.get(f"{path}.csv", params={"lang": language})
    body = await answer.read()
    assert body.startswith(b"\xef\xbb\xbf"), "spreadsheet programs need it for Chinese"
    head, *rows = csv.reader(StringIO(body.decode("utf-8-sig")))
    assert [cell for row in rows[: pages.PAGE] for cell in row] == page.cells
    assert len(set(head)) == len(head)
    assert book.count(b"<row ") == len(rows) + 1


async def test_a_matter_shows_its_four_elements(district_client: Client) -> None:
    """Name, basis, body and handling office."""
    zh = {"Accept-Language": "zh-CN"}
    page = Page(await (await district_client.get("/public/matters", headers=zh)).text())
    shown = {"食品生产监督检查", "食品生产监督管理科", "市场监督管理局 MRB"}
    assert shown <= set(page.cells)
    assert any(cell.startswith("《中华人民共和国食品安全法》") for cell in page.cells)


async def test_pages_turn(district_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Following the links shows every row once."""
    whole = Page(await (await district_client.get("/public/results")).text()).cells
    monkeypatch.setattr(pages, "PAGE", 3)
    read: list[str] = []
    link: str | None = "/public/results"
    turned = 0
    while link is not None:
        text = await (await district_client.get(link)).text()
        read += Page(text).cells
        turning = re.search(r'rel="next" href="([^"]+)"', text)
        link = None if turning is None else turning[1].replace("&amp;", "&")
        turned += 1
    assert read == whole
    assert turned > 3


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_shows_no_more(
    district_service: Service, district_client: Client, path: str
) -> None:
    """A page shows everybody the same, with and without a token."""
    token = tokens_of(district_service)["JB"]
    asked = await district_client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert await asked.text() == await (await district_client.get(path)).text()


async def test_what_is_sent_back_is_harmless(district_client: Client) -> None:
    """A search is never markup; a parameter that is not known is refused."""
    answer = await district_client.get("/public/decisions", params={"unit": '"><script>'})
    assert "<script" not in await answer.text()
    assert (await district_client.get("/public/decisions", params={"x": "1"})).status == 400
    assert (await district_client.get("/public", params={"lang": "fr"})).status == 400


async def test_the_language_is_the_browsers_or_the_addresss(district_client: Client) -> None:
    """The address wins; caches are told what the answer depends on."""
    for asked, address, got in (("zh", "", "zh"), ("en", "", "en"), ("en", "?lang=zh", "zh")):
        answer = await district_client.get(
            f"/public/matters{address}", headers={"Accept-Language": asked}
        )
        assert answer.headers["Content-Language"] == got
        assert "Accept-Language" in answer.headers["Vary"]


async def test_a_business_has_a_page_of_what_is_public(district_client: Client) -> None:
    """It shows what its resource shows everybody, and no grade."""
    entity = "91620100MA7LX2098C"
    text = await (await district_client.get(f"/public/businesses/{entity}?lang=zh")).text()
    document = await (await district_client.get(f"/v1/entities/{entity}/profile")).json()
    assert document["identity"]["name"] in text
    assert all(record["doc_no"] in text for record in document["records"])
    assert "grade" not in document
    assert (await district_client.get("/public/businesses/nobody")).status == 404


def test_addresses_lead_somewhere_and_nothing_else_does() -> None:
    """Text around an address, markup and other schemes stay text."""
    linked = with_links('<b>https://x.example/a?b=1&c=2；见javascript:alert(1) "http://y.example"')
    assert str(linked).count("<a ") == 2
    assert 'href="https://x.example/a?b=1&amp;c=2"' in linked
    assert "<b>" not in linked


def test_no_cell_is_a_formula() -> None:
    """What a spreadsheet program would run is shown as text."""
    for cell in ("=1+1", "+1", "-1", "@x", "\tx"):
        assert harmless(cell) == f"'{cell}"
    assert harmless("2026-01-01") == "2026-01-01"


def test_every_text_is_in_both_languages() -> None:
    """Of the lists, their columns, and the frame."""
    chinese, english = catalogue("zh", "pages"), catalogue("en", "pages")
    assert chinese.keys() == english.keys()
    codes = {code for one in LISTS for code in (one.name, f"{one.name}.says")}
    assert codes <= chinese.keys()
    columns = {column.code for one in LISTS for column in one.columns}
    for language in ("zh", "en"):
        titled = catalogue(language, "pages").keys() | catalogue(language, "fields").keys()
        assert columns <= titled


async def test_reads_without_a_token_are_limited(district_service: Service) -> None:
    """By address behind a trusted proxy; with the usual headers, and not with a token."""
    limits = Edge(
        trusted=networks(("127.0.0.1", "::1")),
        public_reads=Rates(3, clock=lambda: 20.0, name="public"),
    )
    token = {"Authorization": f"Bearer {tokens_of(district_service)['BANK']}"}
    async with TestClient(TestServer(district_service.app(limits))) as client:
        one, other = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2"}
        left = []
        for path in ("/v1/matters", "/public", "/v1/units"):
            answer = await client.get(path, headers=one)
            assert answer.headers["RateLimit-Policy"] == '"public";q=3;w=60'
            left.append(answer.headers["RateLimit"])
        assert left == [f'"public";r={n};t=40' for n in (2, 1, 0)]
        refused = await client.get("/v1/matters", headers=one)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "40")
        assert refused.headers["RateLimit"] == '"public";r=0;t=40'
        assert (await refused.json())["type"] == "/problems/too-many-requests"
        # Others, holders of tokens, and probes of load balancers are not affected.
        assert (await client.get("/v1/matters", headers=other)).status == 200
        with_token = await client.get("/v1/matters", headers={**one, **token})
        assert with_token.status == 200
        assert "RateLimit" not in with_token.headers
        assert (await client.get("/livez", headers=one)).status == 200
