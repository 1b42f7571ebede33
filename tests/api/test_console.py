"""The console: who may sign in, what a page shows, what a form records."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.console import sessions
from api.console.forms import BadField, body_of_form, fields_of, rows_of, typed
from api.console.pages import PAGES
from api.console.pages.commands import SECTIONS
from api.console.place import Environment, Place
from api.console.sessions import IDLE_SECONDS, MAX_SESSIONS, WHOLE_SECONDS, Sessions
from api.console.shell import ACT, FORM, GROUPS, KEY
from api.http.examples import example
from api.http.tokens import Tokens
from api.service import Service
from api.views import RESOURCES
from ledger.general.vocabulary import Role
from ledger.kernel import Command
from ledger.kernel.messages import catalogue
from ledger.registry import COMMANDS
from ledger.stores.tables import MEMORY, SQLiteFile
from ledger.systems.penalties.commands import DecidePenalty

ENTITY = "91620100MA7LX0084G"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
async def client(service: Service) -> AsyncIterator[TestClient[Any, Any]]:
    headers = {"Accept-Language": "zh"}
    async with TestClient(TestServer(service.app()), headers=headers) as opened:
        yield opened


def token(service: Service, role: Role = "jb_supervisor") -> str:
    entity = ENTITY if role == "entity_rep" else None
    return service.tokens.create("JB", f"P-{role}", role, entity=entity)


async def sign_in(client: TestClient[Any, Any], token: str, **more: Any) -> Any:
    return await client.post(
        "/console/sign-in", data={"token": token, **more}, allow_redirects=False
    )


async def form_of(client: TestClient[Any, Any], path: str = "/console") -> str:
    """Return the secret that the forms of a page send."""
    text = await (await client.get(path)).text()
    found = re.search(r'name="_form" value="([^"]+)"', text)
    assert found is not None
    return found[1]


# Signing in


async def test_a_page_without_a_session_leads_to_the_sign_in_and_back(
    client: TestClient[Any, Any], service: Service
) -> None:
    """The page that was asked for is opened after the sign-in."""
    answer = await client.get("/console/v1/entities?name=x", allow_redirects=False)
    assert answer.status == 303
    page = await (await client.get(answer.headers["Location"])).text()
    assert 'value="/console/v1/entities?name=x"' in page
    done = await sign_in(client, token(service), next="/console/v1/entities?name=x")
    assert (done.status, done.headers["Location"]) == (303, "/console/v1/entities?name=x")
    assert (await client.get("/console")).status == 200


@pytest.mark.parametrize("where", ["https://elsewhere.example/", "//elsewhere.example", "/v1", ""])
async def test_a_sign_in_leads_nowhere_else(
    client: TestClient[Any, Any], service: Service, where: str
) -> None:
    """Another site, or a path outside of the console, is not followed."""
    done = await sign_in(client, token(service), next=where)
    assert done.headers["Location"] == "/console"


async def test_a_bad_token_is_told_and_no_session_begins(
    client: TestClient[Any, Any], service: Service
) -> None:
    """Unknown, revoked and empty tokens, with one message; the message does not repeat them."""
    revoked = token(service)
    service.tokens.revoke(revoked)
    for bad in ("slt_" + "x" * 43, revoked, "", "税" * 20, "a" * 5_000):
        answer = await sign_in(client, bad)
        text = await answer.text()
        assert answer.status == 401
        assert catalogue("zh", "console")["bad-token"] in text
        assert not bad or bad not in text
        assert "Set-Cookie" not in answer.headers


async def test_attempts_to_sign_in_are_limited(client: TestClient[Any, Any]) -> None:
    """One address cannot try tokens without end."""
    statuses = [(await sign_in(client, "x")).status for _ in range(25)]
    assert set(statuses) == {401, 429}


async def test_the_cookie_is_new_at_every_sign_in_and_kept_from_scripts(
    client: TestClient[Any, Any], service: Service
) -> None:
    """A cookie that somebody else prepared is not taken over."""
    own = token(service)
    client.session.cookie_jar.update_cookies({"ledger_session": "prepared"})
    first = await sign_in(client, own)
    second = await sign_in(client, own)
    cookies = [answer.headers["Set-Cookie"] for answer in (first, second)]
    values = [re.match(r"ledger_session=([^;]+)", cookie)[1] for cookie in cookies]  # type: ignore[index]
    assert len({"prepared", *values}) == 3
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/console" in cookie
        assert own not in cookie
    secure = await client.post(
        "/console/sign-in",
        data={"token": own},
        headers={"X-Forwarded-Proto": "https"},
        allow_redirects=False,
    )
    assert "Secure" in secure.headers["Set-Cookie"]


async def test_signing_out_ends_the_session(client: TestClient[Any, Any], service: Service) -> None:
    """The cookie opens nothing any longer, wherever it was copied to."""
    answer = await sign_in(client, token(service))
    cookie = re.match(r"ledger_session=([^;]+)", answer.headers["Set-Cookie"])[1]  # type: ignore[index]
    secret = await form_of(client)
    await client.post("/console/sign-out", data={"_form": "guessed"}, allow_redirects=False)
    assert service.sessions.read(cookie) is not None
    await client.post("/console/sign-out", data={"_form": secret}, allow_redirects=False)
    assert service.sessions.read(cookie) is None


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    with Tokens.open(tmp_path / "tokens.sqlite") as opened:
        yield opened


ENDS = {
    "idle": [IDLE_SECONDS + 1],
    "over": [IDLE_SECONDS - 1] * int(WHOLE_SECONDS / (IDLE_SECONDS - 1) + 2),
}


@pytest.mark.parametrize("waits", ENDS.values(), ids=ENDS)
def test_a_session_ends_by_itself(tokens: Tokens, waits: list[float]) -> None:
    """After idle time, and in the end however busy it is."""
    now = 1_000_000.0
    opened = Sessions(tokens, lambda: now)
    cookie = opened.begin(tokens.create("JB", "P", "jb_supervisor"))
    assert cookie is not None
    alive = []
    for wait in waits:
        now += wait
        alive.append(opened.read(cookie) is not None)
    assert not alive[-1]
    assert all(alive[: len(alive) - 2])


def test_a_session_ends_with_its_token(tokens: Tokens) -> None:
    """A revoked token closes the sessions that it opened."""
    opened = Sessions(tokens)
    own = tokens.create("JB", "P", "jb_supervisor")
    cookie = opened.begin(own)
    assert cookie is not None
    assert opened.read(cookie) is not None
    tokens.revoke(own)
    assert opened.read(cookie) is None


def test_one_token_has_few_sessions_and_the_file_no_secret(tokens: Tokens) -> None:
    """The oldest session makes room; neither cookie nor token can be read from the file."""
    opened = Sessions(tokens)
    own = tokens.create("JB", "P", "jb_supervisor")
    cookies = [opened.begin(own) or "" for _ in range(MAX_SESSIONS + 3)]
    assert [opened.read(cookie) is None for cookie in cookies] == [True] * 3 + [
        False
    ] * MAX_SESSIONS
    content = Path(tokens.path).read_bytes() + Path(f"{tokens.path}-wal").read_bytes()
    assert not any(secret.encode() in content for secret in (own, *cookies))
    assert sessions.MAX_SESSIONS < 100


# Forms

#: What makes a unit a subject of enforcement.
UNIT = {
    "unit": "MRB",
    "name": "市场监督管理局",
    "kind": "organ",
    "valid_from": "2026-01-01",
}


async def test_a_form_records_once(client: TestClient[Any, Any], service: Service) -> None:
    """It is tried, sent, and sent again by a second click: one event."""
    await sign_in(client, token(service))
    secret = await form_of(client, "/console/do/catalogue/qualify-unit")
    before = service.recorder.head()
    given = {
        "_form": secret,
        "_key": "0123456789abcdef",
        **UNIT,
    }
    path = "/console/do/catalogue/qualify-unit"
    tried = await (await client.post(path, data={**given, "_act": "try"})).text()
    assert service.recorder.head() == before, tried
    assert catalogue("zh", "console")["would-record"] in tried
    for _ in range(2):
        sent = await client.post(path, data={**given, "_act": "send"})
        assert catalogue("zh", "console")["recorded"] in await sent.text()
    assert service.recorder.head() == before + 1


async def test_a_refused_form_keeps_what_was_typed_and_marks_every_fault(
    client: TestClient[Any, Any], service: Service
) -> None:
    """Nothing has to be typed again, and each field says what is wrong with it."""
    await sign_in(client, token(service))
    path = "/console/do/catalogue/qualify-unit"
    secret = await form_of(client, path)
    given = {**UNIT, "_form": secret, "_act": "send", "name": "keep <this>"}
    given |= {"valid_from": "soon", "kind": "none"}
    answer = await client.post(path, data=given)
    text = await answer.text()
    assert answer.status == 400
    assert "keep &lt;this&gt;" in text
    assert "<this>" not in text
    wrong = set(re.findall(r'id="w-(\w+)"', text))
    assert {"valid_from", "kind"} == wrong


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}, {}],
    ids=["another site", "another origin", "without the secret"],
)
async def test_a_form_of_another_site_records_nothing(
    client: TestClient[Any, Any], service: Service, headers: dict[str, str]
) -> None:
    """Whatever it says, if the browser or the session's secret does not vouch for it."""
    await sign_in(client, token(service))
    path = "/console/do/catalogue/qualify-unit"
    secret = await form_of(client, path) if headers else "guessed"
    before = service.recorder.head()
    answer = await client.post(
        path,
        data={"_form": secret, "_act": "send", **UNIT},
        headers=headers,
    )
    assert (answer.status, service.recorder.head()) == (403, before)


@pytest.mark.parametrize("command", [e.command for e in COMMANDS], ids=lambda c: c.__name__)
def test_every_command_has_a_form(command: type[Command]) -> None:
    """Every field has an input, and what a form shows of a body stands for that body."""
    fields = fields_of(command)
    names = {field.encode_name for field in msgspec.structs.fields(command)}
    assert {field.name for field in fields} == names
    (whole,), parts = msgspec.json.schema_components([command], ref_template="#/parts/{name}")
    schema = parts[whole["$ref"].rpartition("/")[2]]["properties"]
    body = {name: example(schema[name], parts) for name in schema}
    assert _said(body_of_form(command, typed(command, body))) == _said(body)


def _said(value: Any) -> Any:
    """Return a value without what says nothing: a form cannot tell it from what is left out."""
    if isinstance(value, dict):
        inner = {name: _said(each) for name, each in value.items()}
        return {name: each for name, each in inner.items() if each not in (None, {})}
    return [_said(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("text", "fen"), [("5000", 500_000), ("5,000.50", 500_050), ("¥0.01", 1), ("1，000", 100_000)]
)
def test_amounts_are_entered_in_yuan(text: str, fen: int) -> None:
    """And recorded in fen; a tenth of a fen is no amount."""
    body = body_of_form(DecidePenalty, {"fine_fen": text})
    assert body["fine_fen"] == fen
    assert Decimal(typed(DecidePenalty, body)["fine_fen"]) * 100 == fen
    for bad in ("0.001", "五百", "1e400", "NaN"):
        with pytest.raises(BadField):
            body_of_form(DecidePenalty, {"fine_fen": bad})


def test_lists_are_entered_entry_by_entry() -> None:
    """An entry without anything typed is left out; one more is shown when asked for."""
    given = {
        "legal_basis.0.instrument": "食品安全法",
        "legal_basis.1.article": " ",
        "legal_basis.2.instrument": "行政处罚法",
    }
    body = body_of_form(DecidePenalty, given)
    assert body["legal_basis"] == [{"instrument": "食品安全法"}, {"instrument": "行政处罚法"}]
    basis = next(field for field in fields_of(DecidePenalty) if field.name == "legal_basis")
    assert rows_of(basis, given) == range(3)
    assert rows_of(basis, given, "legal_basis") == range(4)
    assert rows_of(basis, {}) == range(0)


def test_an_optional_part_without_anything_typed_is_left_out() -> None:
    """Also if it holds a list that must be given with it: the service draws and fills it in."""
    command = next(entry.command for entry in COMMANDS if entry.name == "execute-draw")
    empty = {"draw": "D", "outcome.strata.0.key": " ", "outcome.selection_hash": ""}
    assert body_of_form(command, empty) == {"draw": "D"}
    assert body_of_form(command, {"outcome.selection_count": "1"}) == {
        "outcome": {"selection_count": 1, "strata": []}
    }


def test_each_key_opens_one_page() -> None:
    """Of the pages that a reader may have in one menu."""
    keys = [page.key for page in PAGES if page.key]
    assert len(keys) == len(set(keys))


def test_every_system_is_in_one_section_of_the_menu() -> None:
    """So that no command is missing from it."""
    systems = [system for listed in SECTIONS.values() for system in listed]
    assert sorted(systems) == sorted({entry.system for entry in COMMANDS})


async def test_trouble_of_the_file_is_told_as_such(
    client: TestClient[Any, Any], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails is no fault of the service: 503, and the same page works afterwards."""
    await sign_in(client, token(service))
    with closing(SQLiteFile(Path(MEMORY), ())) as empty, monkeypatch.context() as patched:
        patched.setattr(service.sessions, "_tables", empty)
        assert (await client.get("/console")).status == 503
    assert (await client.get("/console")).status == 200


# What pages show


LISTS = sorted(
    r.path
    for r in RESOURCES
    if r.listed and "{" not in r.path and "items" in getattr(r.returns, "__struct_fields__", ())
)


@pytest.mark.parametrize("role", get_args(Role))
async def test_a_page_shows_nobody_more_than_the_interface(
    client: TestClient[Any, Any], service: Service, role: Role
) -> None:
    """For every list and role: a page where the interface answers, its refusal where it refuses."""
    if role in ("public", "ledger_clock"):
        return
    own = token(service, role)
    await sign_in(client, own)
    headers = {"Authorization": f"Bearer {own}"}
    for path in LISTS:
        said = await client.get(path, headers=headers)
        page = await client.get(f"/console{path}")
        assert page.status == said.status, path


@pytest.mark.parametrize("role", get_args(Role))
async def test_every_page_answers_every_role(
    client: TestClient[Any, Any], service: Service, role: Role
) -> None:
    """Also without a single event; a page whose resource refuses the role is refused alike.

    A page of other roles is not found.
    """
    if role in ("public", "ledger_clock"):
        return
    own = token(service, role)
    await sign_in(client, own)
    headers = {"Authorization": f"Bearer {own}"}
    for page in PAGES:
        if "{" in page.path or "GET" not in page.methods:
            continue
        answer = await client.get(page.path)
        needed = [await client.get(path, headers=headers) for path in page.needs]
        refused = {said.status for said in needed} & {401, 403}
        if page.roles is not None and role not in page.roles:
            refused = {404}
        assert answer.status == (refused.pop() if refused else 200), page.path


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".json"])
async def test_a_list_is_kept_as_the_file_that_the_interface_sends(
    client: TestClient[Any, Any], service: Service, ending: str
) -> None:
    """With the same rows, for a signed-in reader only."""
    own = token(service)
    path = f"/v1/rules{ending}" if ending == ".json" else f"/v1/entities{ending}"
    asked = await client.get(f"/console{path}", allow_redirects=False)
    assert asked.status == 303
    await sign_in(client, own)
    kept = await client.get(f"/console{path}")
    sent = await client.get(path.removesuffix(".json"), headers={"Authorization": f"Bearer {own}"})
    assert (kept.status, await kept.read()) == (200, await sent.read())
    assert kept.headers["Content-Type"] == sent.headers["Content-Type"]
    assert kept.headers["Cache-Control"] == "no-store"


async def test_a_form_opens_from_a_damaged_address(
    client: TestClient[Any, Any], service: Service
) -> None:
    """What cannot be read of the known fields is left out."""
    await sign_in(client, token(service))
    path = next(f"/console/do/{e.system}/{e.name}" for e in COMMANDS if "jb_supervisor" in e.roles)
    for known in ('{"unit":', "[1]", "[" * 2_000):
        assert (await client.get(path, params={"known": known})).status == 200


def test_the_forms_own_inputs_are_fields_of_no_command() -> None:
    """A policy's ``key`` must not become the Idempotency-Key of its form."""
    fields = {name for entry in COMMANDS for name in entry.command.__struct_fields__}
    assert "key" in fields
    assert not fields & {FORM, KEY, ACT}


@pytest.mark.parametrize(
    "path",
    [
        "rules.csv",
        "entities.pdf",
        "log/checkpoint",
        "log/checkpoint.json",
        "log/key.json",
        "events/1/record",
        "cases/C-1/evidence/abc",
        "%2e%2e/metrics",
        "..%2fpublic/matters",
        "%2e%2e/console",
        "events/1/receipt",
        "events/1/receipt.json",
        "nothing",
    ],
)
async def test_only_what_answers_in_json_has_a_page(
    client: TestClient[Any, Any], service: Service, path: str
) -> None:
    """Files, pages for others and what is outside of the interface are not found, for all roles."""
    for role in ("jb_supervisor", "operator"):
        await sign_in(client, token(service, role))
        assert (await client.get(f"/console/v1/{path}")).status == 404


async def test_what_cannot_be_sent_is_a_fault_of_its_field(
    client: TestClient[Any, Any], service: Service
) -> None:
    """Deep nesting, half a character, a number without end: told, never a fault of the service."""
    await sign_in(client, token(service))
    page = "/console/do/approvals/approve-request"
    secret = await form_of(client)
    for text in ("[" * 60_000, '"\\ud800"', "9" * 5_000, "1e999", "NaN"):
        answer = await client.post(page, data={FORM: secret, "request": "R", "position": text})
        assert answer.status < 500
    for known in ("{", "[]", "1", "[" * 2_000, '{"unit":[1]}'):
        assert (await client.get(page, params={"known": known})).status == 200


def test_no_field_takes_what_cannot_be_sent() -> None:
    """Of any kind of input."""
    for command in (entry.command for entry in COMMANDS):
        for field in fields_of(command):
            if field.input in ("number", "json"):
                for text in ("[" * 60_000, '"\\ud800"', "9" * 5_000):
                    with pytest.raises(BadField):
                        body_of_form(command, {field.name: text})


async def test_one_page_is_one_consultation(client: TestClient[Any, Any], service: Service) -> None:
    """What a supervisor opens is recorded once, as the resource that it shows."""
    await sign_in(client, token(service))
    before = service.access.recorder.head()
    await client.get("/console/v1/entities")
    assert service.access.recorder.head() == before + 1


async def test_bringing_a_page_up_to_date_is_no_consultation(
    client: TestClient[Any, Any], service: Service
) -> None:
    """Neither are the badges; another address, or a stamp of another session, is one."""
    await sign_in(client, token(service))
    head = service.access.recorder.head
    before = head()
    text = await (await client.get("/console/findings")).text()
    assert head() == before + 1, "all that the page asks is one consultation"
    stamp = re.search(r'data-stamp="(\w+)"', text)
    assert stamp is not None
    refresh = {"X-Refresh-Of": stamp[1]}
    await client.get("/console/findings", headers=refresh)
    await client.get("/console/badges")
    assert head() == before + 1
    await client.get("/console/findings?state=raised", headers=refresh)
    assert head() == before + 2
    await sign_in(client, token(service))
    await client.get("/console/findings", headers=refresh)
    assert head() == before + 3


async def test_both_languages(client: TestClient[Any, Any], service: Service) -> None:
    """The browser's first; the switch is remembered; each page says which language it is in."""
    await sign_in(client, token(service))
    chinese = await client.get("/console")
    assert chinese.headers["Content-Language"] == "zh"
    assert catalogue("zh", "console")["page.today"] in await chinese.text()
    other = await client.get("/console", headers={"Accept-Language": "fr, en;q=0.5"})
    assert other.headers["Content-Language"] == "en"
    assert "Accept-Language" in other.headers["Vary"]
    english = await client.get("/console?lang=en")
    assert catalogue("en", "console")["page.today"] in await english.text()
    again = await client.get("/console")
    assert again.headers["Content-Language"] == "en"


#: Words of a page in Chinese that are not Chinese: ids, codes, and names in other languages.
PLAIN = re.compile(r"English|[+–]|CSV|XLSX|(ND)?JSON|ID|URL|USCC|[\d.,:/ -]*", re.ASCII)


@pytest.mark.parametrize("role", get_args(Role))
async def test_a_chinese_page_has_no_english_label(
    client: TestClient[Any, Any], service: Service, role: Role
) -> None:
    """The menu, every list with its filters and choices, and every form of a command."""
    if role in ("public", "ledger_clock"):
        return
    await sign_in(client, token(service, role))
    own = [entry for entry in COMMANDS if role in entry.roles]
    forms = [f"/console/do/{entry.system}/{entry.name}" for entry in own]
    for path in ("/console", *(f"/console{path}" for path in LISTS), *forms):
        text = await (await client.get(path)).text()
        # What stands in code is a name of the interface; a cell holds what was recorded.
        text = re.sub(r"<(code|kbd|td|dd)\b.*?</\1>", "", text, flags=re.DOTALL)
        labels = {label.strip() for label in re.findall(r">([^<>]+)<", text)}
        labels |= set(re.findall(r'(?:aria-label|title)="([^"]+)"', text))
        english = {one for one in labels if not re.search("[\u4e00-\u9fff]", one)}
        assert {one for one in english if not PLAIN.fullmatch(one)} == set(), path


def test_the_console_speaks_both_languages_completely() -> None:
    """Every text stands in both, with the same fields."""
    chinese, english = catalogue("zh", "console"), catalogue("en", "console")
    assert set(chinese) == set(english)
    for code, text in chinese.items():
        fields, others = (sorted(re.findall(r"{\w+}", t)) for t in (text, english[code]))
        assert fields == others, code


def test_the_templates_use_only_texts_that_exist() -> None:
    """And every text is used by a template or a page."""
    folder = Path(__file__).resolve().parents[2] / "api" / "console"
    written = "".join(
        f.read_text("utf-8") for f in folder.rglob("*") if f.suffix in (".html", ".py")
    )
    named = {f"{kind}.{page.name}" for page in PAGES for kind in ("page", "about") if page.name}
    named |= {f"group.{group}" for group in GROUPS}
    assert named <= set(catalogue("zh", "console"))
    #: The beginnings of codes that a template completes.
    made = tuple(re.findall(r"""["']([a-z-]+\.[a-z.-]*)["'] ~""", written))
    for code in set(catalogue("zh", "console")) - named:
        quoted = any(f"{mark}{code}{mark}" in written for mark in "\"'")
        assert quoted or code.startswith(made), code
    for code in re.findall(r'words\("([a-z-]+)"', written):
        assert code in catalogue("zh", "console"), code


def test_a_page_asks_the_interface_and_nothing_else() -> None:
    """No page reads views, events or stores by itself."""
    folder = Path(__file__).resolve().parents[2] / "api" / "console" / "pages"
    for path in sorted(folder.rglob("*.py")):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(("from ", "import ")):
                module = line.split()[1]
                assert not module.startswith(("projections.follower", "projections.source")), path
                assert not module.startswith(("ledger.stores", "ledger.opening")), path
                assert "sqlalchemy" not in module, path


async def test_the_band_says_that_a_clock_is_not_now(
    client: TestClient[Any, Any], service: Service
) -> None:
    """Both clocks, and the way back; a page of today has no band."""
    await sign_in(client, token(service))
    then = await client.get("/console/rules/FIL-R4?valid_as_of=2026-05-01")
    text = await then.text()
    assert "您看到的是 2026-05-01 的情况。" in text
    assert 'href="/console/rules/FIL-R4"' in text
    assert "您看到的是" not in await (await client.get("/console/rules/FIL-R4")).text()


@pytest.mark.parametrize(
    ("environment", "shown"), [("production", True), ("trial", False), ("demonstration", True)]
)
async def test_the_head_says_which_ledger_this_is(
    tmp_path: Path, environment: Environment, shown: bool
) -> None:
    """The region, and whether what is done here counts."""
    place = Place("兰州新区", environment)
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}", place=place) as service:
        headers = {"Accept-Language": "zh"}
        async with TestClient(TestServer(service.app()), headers=headers) as client:
            text = await (await client.get("/console/sign-in")).text()
    assert "兰州新区" in text
    assert (f'class="band {environment}"' in text) is shown
