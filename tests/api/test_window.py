"""The window for businesses: visits by code, officers, complaints, forms."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from api.service import Service
from ledger.kernel.messages import catalogue
from tests.api.district_ledger import tokens_of

Client = TestClient[Any, Any]
ZH = {"Accept-Language": "zh"}
QINGTIAN, VISIT = "91620100MA7LX2020C", "T-DRAW-2026-02-2020C"


def text_of(code: str) -> str:
    return catalogue("zh", "pages")[code]


async def sign_in(client: Client, service: Service, key: str) -> None:
    token = tokens_of(service)[key]
    done = await client.post("/console/sign-in", data={"token": token}, headers=ZH)
    assert done.status == 200


async def test_the_code_of_a_visit_shows_who_comes_and_on_which_law(
    district_client: Client,
) -> None:
    """A code that nobody made opens nothing, and says so; an officer's code shows certificates."""
    unknown = await district_client.get("/window/visits/0123456789abcdef", headers=ZH)
    assert unknown.status == 404
    assert text_of("window.unknown-visit") in await unknown.text()
    officer = await (await district_client.get("/window/officers/OFF-001", headers=ZH)).text()
    assert "甘A-001" in officer
    assert text_of("window.right.refuse") in officer
    for nobody in ("OFF-999", "%22%3E", "x" * 300):
        assert (await district_client.get(f"/window/officers/{nobody}")).status == 404


async def test_the_entrance_takes_codes_and_whole_addresses(district_client: Client) -> None:
    """What a scanner hands over may be the address; it leads nowhere else."""
    for given in ("abc", "https://x.example/window/visits/abc", "//evil.example/abc/"):
        answer = await district_client.get("/window", params={"code": given}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/window/visits/abc")


async def test_a_complaint_is_sent_once_and_followed_by_its_number(
    district_client: Client, district_service: Service
) -> None:
    """The form keeps what was written if it is refused; a second click records nothing more."""
    page = await (await district_client.get("/window/complaints?unit=MRB", headers=ZH)).text()
    assert '<option value="MRB" selected' in page
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    given = {"key": key[1], "subject_unit": "MRB", "facts": "两名人员未亮码入企 <b>", "name": ""}
    refused = await district_client.post(
        "/window/complaints", data={**given, "subject_unit": "NOBODY"}, headers=ZH
    )
    assert refused.status == 400
    assert "未亮码入企 &lt;b&gt;" in await refused.text()
    places, heads = [], []
    for _ in range(2):
        sent = await district_client.post(
            "/window/complaints", data=given, headers=ZH, allow_redirects=False
        )
        assert sent.status == 303, await sent.text()
        places.append(sent.headers["Location"])
        heads.append(district_service.recorder.head())
    assert (places[0], heads[0]) == (places[1], heads[1])
    followed = await district_client.get(places[0], headers=ZH)
    text = await followed.text()
    assert text_of("window.step.acknowledge") in text
    assert (followed.headers["Cache-Control"], followed.headers["Referrer-Policy"]) == (
        "no-store",
        "no-referrer",
    )
    assert (await district_client.get("/window/complaints/nothing", headers=ZH)).status == 404


async def test_a_business_has_its_own_window(
    district_client: Client, district_service: Service
) -> None:
    """Its visits and receipts, never those of others; no other role has this page."""
    await sign_in(district_client, district_service, "Qingtian")
    text = await (await district_client.get("/console/window", headers=ZH)).text()
    assert VISIT in text
    assert "91620100MA7LX2012H" not in text
    position = re.search(r"/console/receipts/(\d+)", text)
    assert position is not None
    receipt = await district_client.get(position[0])
    assert receipt.status == 200
    assert "script-src 'sha256-" in receipt.headers["Content-Security-Policy"]
    pdf = await district_client.get(f"/console/v1/entities/{QINGTIAN}/profile.pdf")
    assert pdf.content_type == "application/pdf"
    await sign_in(district_client, district_service, "MRB head")
    assert (await district_client.get("/console/window", headers=ZH)).status == 404


async def test_a_rating_is_sealed_from_the_unit(
    district_client: Client, district_service: Service
) -> None:
    """A forged form rates nothing; the unit sees neither who rated nor the event."""
    await sign_in(district_client, district_service, "Qingtian")
    page = await (await district_client.get("/console/window", headers=ZH)).text()
    secret = re.search(r'name="_form" value="([^"]+)"', page)
    assert secret is not None
    given = {"_form": secret[1], "_key": f"rate-{VISIT}", "task": VISIT, "score": "4"}
    before = district_service.recorder.head()
    if 'name="score"' in page:
        forged = await district_client.post(
            "/console/window", data={**given, "_form": "guessed"}, headers=ZH
        )
        assert forged.status == 404
        assert district_service.recorder.head() == before
        wrong = await district_client.post(
            "/console/window", data={**given, "score": "9"}, headers=ZH
        )
        assert wrong.status == 200
        assert 'role="alert"' in await wrong.text()
        done = await district_client.post("/console/window", data=given, headers=ZH)
        assert done.status == 200
        assert district_service.recorder.head() == before + 1
    headers = {"Authorization": f"Bearer {tokens_of(district_service)['MRB head']}"}
    trail = await district_client.get(
        f"/v1/inspections/{VISIT}/trail", params={"type": "filing.visit-rated"}, headers=headers
    )
    assert trail.status == 404, "no event of this type that the unit may see"


@pytest.mark.parametrize("form", ["approval", "notice", "record", "result"])
async def test_the_forms_of_a_visit_are_printed(
    district_client: Client, district_service: Service, form: str
) -> None:
    """With the law of its matters, certificates, and the code of the receipt; for its unit."""
    await sign_in(district_client, district_service, "MRB officer")
    answer = await district_client.get(f"/console/print/visits/{VISIT}/{form}", headers=ZH)
    text = await answer.text()
    assert answer.status == 200
    assert catalogue("zh", "console")[f"print.{form}"] in text
    assert "<svg" in text
    if form in ("approval", "notice", "record"):
        assert "甘A-002" in text
    await sign_in(district_client, district_service, "Qingtian")
    assert (await district_client.get(f"/console/print/visits/{VISIT}/{form}")).status == 404


async def test_decisions_documents_and_codes_are_printed(
    district_client: Client, district_service: Service
) -> None:
    """What is not there, and what the reader may not see, is missing."""
    await sign_in(district_client, district_service, "JB")
    for path, says in (
        ("/console/print/decisions/DEC-2026-04", "兰新市监罚〔2026〕4号"),
        ("/console/print/supervision-documents/SD-2026-01", "撤回整改清单"),
        ("/console/codes/officers/OFF-001", "/window/officers/OFF-001"),
    ):
        answer = await district_client.get(path, headers=ZH)
        assert (answer.status, says in await answer.text()) == (200, True), path
    for path in (
        "/console/print/decisions/NOTHING",
        f"/console/print/visits/{VISIT}/other",
        "/console/codes/officers/OFF-999",
        "/console/codes/visits/NOTHING",
    ):
        assert (await district_client.get(path, headers=ZH)).status == 404, path
