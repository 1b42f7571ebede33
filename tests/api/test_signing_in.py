"""Sign-in by an OpenID provider, which runs as a server of its own; posts, cookies, limits."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.console.identity import Claims, Identity, IdentityError, NoPost, read_identity
from api.console.oidc import Provider, SignInFailed, derived, new_secret
from api.console.sessions import Sessions
from api.console.signin import SIGN_INS_OF_ACCOUNT, SIGN_INS_PER_MINUTE
from api.http.addresses import networks
from api.http.front import Edge
from api.http.tokens import Tokens, holder_of
from api.service import Service
from ledger.kernel.messages import catalogue

Client = TestClient[Any, Any]

#: Persons of the provider: one with two posts, one with a role that means nothing here.
USERS = [
    {
        "sub": "u-1",
        "employee": "JB-001",
        "posts": [{"dept": "15", "duty": "监督员"}, {"dept": "16", "duty": ["负责人"]}],
    },
    {"sub": "u-2", "employee": "X-002", "posts": [{"dept": "15", "duty": "参观者"}]},
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    script = Path(__file__).with_name("identity_provider.py")
    with subprocess.Popen(
        [sys.executable, str(script), json.dumps(USERS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the provider must start"
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def identity_of(issuer: str, address: str = "http://127.0.0.1", **more: Any) -> Identity:
    return Identity(
        issuer=issuer,
        client_id="ledger",
        address=address,
        secret="s3cret/+ ü",
        name="统一身份认证",
        claims=Claims(person="employee", role="duty", unit="dept", posts="posts"),
        roles={"监督员": "jb_supervisor", "负责人": "unit_head"},
        units={"15": "JB", "16": "MRB"},
        **more,
    )


@pytest.fixture
def service(tmp_path: Path, issuer: str) -> Iterator[Service]:
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}", identity=identity_of(issuer)) as opened:
        yield opened


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    async with TestClient(TestServer(service.app()), headers={"Accept-Language": "zh"}) as opened:
        yield opened


async def sent_to_provider(client: Client, where: str = "") -> str:
    """Return the address at the provider to which a sign-in leads."""
    answer = await client.get(
        "/console/sign-in/provider", params={"next": where} if where else {}, allow_redirects=False
    )
    assert answer.status == 303
    return str(answer.headers["Location"])


async def answered_by_provider(client: Client, address: str, sub: str) -> str:
    """Sign in at the provider; return where it sends the browser, at this service."""
    answer = await client.session.post(address, data={"sub": sub}, allow_redirects=False)
    assert answer.status == 302, await answer.text()
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


async def sign_in(client: Client, sub: str = "u-1", where: str = "") -> Any:
    address = await sent_to_provider(client, where)
    back = await answered_by_provider(client, address, sub)
    return await client.get(back, headers={"Sec-Fetch-Site": "cross-site"})


def text_of(code: str) -> str:
    return catalogue("zh", "console")[code]


async def test_a_person_signs_in_by_the_provider_and_comes_back_to_the_page(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    """With state, nonce and PKCE; the logs have neither code nor token nor cookie."""
    address = await sent_to_provider(client, "/console/rules?q=FIL")
    asked = dict(parse_qsl(urlsplit(address).query))
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    back = await answered_by_provider(client, address, "u-1")
    answer = await client.get(back, headers={"Sec-Fetch-Site": "cross-site"})
    page = await answer.text()
    assert answer.status == 200, page
    # The browser goes on from our own page: a redirect would still count as another site's link.
    assert 'http-equiv="refresh" content="0;url=/console/rules?q=FIL"' in page
    home = await (await client.get("/console")).text()
    assert "JB-001" in home
    logged = capfd.readouterr()
    code = dict(parse_qsl(urlsplit(back).query))["code"]
    cookie = next(c.value for c in client.session.cookie_jar if c.key == "ledger_session")
    for secret in (code, cookie, asked["state"], "eyJ"):
        assert secret not in logged.out + logged.err


async def test_the_sign_in_page_offers_the_provider_and_the_token(client: Client) -> None:
    """The provider by its name."""
    page = await (await client.get("/console/sign-in?next=/console/rules")).text()
    assert "统一身份认证" in page
    assert 'href="/console/sign-in/provider?next=/console/rules"' in page
    assert 'name="token"' in page


@pytest.mark.parametrize("kind", ["another state", "another browser", "no code", "twice"])
async def test_an_answer_that_was_not_asked_for_signs_nobody_in(
    client: Client, service: Service, kind: str
) -> None:
    """Session fixation and forged answers: a code is used in the browser that asked, and once."""
    back = await answered_by_provider(client, await sent_to_provider(client), "u-1")
    if kind == "another state":
        back = re.sub(r"state=[^&]+", "state=forged", back)
    elif kind == "another browser":
        client.session.cookie_jar.clear()
    elif kind == "no code":
        back = re.sub(r"code=[^&]+", "code=", back)
    else:
        await client.get(back)
        client.session.cookie_jar.clear(lambda cookie: cookie.key == "ledger_session")
    answer = await client.get(back)
    assert answer.status == 401
    assert "ledger_session=" not in str(answer.headers.getall("Set-Cookie", []))
    assert (await client.get("/console", allow_redirects=False)).status == 303


async def test_a_code_is_worth_nothing_without_the_verifier(client: Client, issuer: str) -> None:
    """PKCE: a code that was stolen on its way is not exchanged by anybody else."""
    back = await answered_by_provider(client, await sent_to_provider(client), "u-1")
    code = dict(parse_qsl(urlsplit(back).query))["code"]
    thief = new_secret()
    with pytest.raises(SignInFailed, match="exchange"):
        Provider(identity_of(issuer)).finish(
            thief, {"state": derived(thief, "state"), "code": code}
        )


@pytest.mark.parametrize("change", [{"client_id": "another"}, {"nonce": True}, {"clock": 7_200}])
async def test_a_token_for_others_is_not_taken(
    client: Client, issuer: str, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another client, of another sign-in (nonce), or expired."""
    from api.console import oidc

    address = await sent_to_provider(client)
    back = await answered_by_provider(client, address, "u-1")
    answer = dict(parse_qsl(urlsplit(back).query))
    kept = next(c.value for c in client.session.cookie_jar if c.key == "ledger_signing_in")
    secret = kept.partition("/")[0]
    provider = Provider(identity_of(issuer))
    claims = provider._claims
    if "client_id" in change:
        other = Provider(
            Identity(**{**_fields(identity_of(issuer)), "client_id": change["client_id"]})
        )
        monkeypatch.setattr(provider, "_claims", other._claims)
    elif "nonce" in change:
        monkeypatch.setattr(provider, "_claims", lambda a, t, nonce: claims(a, t, nonce + "x"))
    else:
        about = provider._about()
        monkeypatch.setattr(oidc, "KNOWN_SECONDS", 1e9)
        provider._clock = lambda: __import__("time").time() + change["clock"]
        assert about.issuer == issuer
    with pytest.raises(SignInFailed, match="token"):
        provider.finish(secret, answer)


def _fields(identity: Identity) -> dict[str, Any]:
    return {name: getattr(identity, name) for name in identity.__struct_fields__}


async def test_who_has_no_post_is_told(client: Client) -> None:
    """A role that the configuration does not name is none."""
    answer = await sign_in(client, "u-2")
    assert answer.status == 403
    assert text_of("provider-no-post") in await answer.text()


async def test_a_person_who_refuses_and_a_provider_that_is_gone_are_told(
    client: Client, tmp_path: Path
) -> None:
    """Both with the page of the sign-in, where a token still works."""
    address = await sent_to_provider(client)
    answer = await client.session.post(address, data={"action": "deny"}, allow_redirects=False)
    back = urlsplit(answer.headers["Location"])
    state = dict(parse_qsl(urlsplit(address).query))["state"]
    refused = await client.get(f"{back.path}?error=access_denied&state={state}")
    assert text_of("provider-refused") in await refused.text()
    nobody = identity_of("http://127.0.0.1:9")
    with Service(f"sqlite:///{tmp_path / 'other.db'}", identity=nobody) as gone:
        async with TestClient(TestServer(gone.app())) as other:
            page = await other.get("/console/sign-in/provider", headers={"Accept-Language": "zh"})
            assert text_of("provider-unreachable") in await page.text()


async def test_posts_are_switched_and_a_form_stays_in_its_post(
    client: Client, service: Service
) -> None:
    """Records name the chosen post; a form that was opened in another one is not sent."""
    await sign_in(client)
    page = await (await client.get("/console/do/supervision/raise-finding")).text()
    secret = _form(page)
    home = await (await client.get("/console")).text()
    assert "负责人" in home or 'name="post"' in home
    moved = await client.post(
        "/console/post", data={"_form": secret, "post": "1"}, allow_redirects=False
    )
    assert moved.status == 303
    now = await (await client.get("/console")).text()
    assert re.search(r'<option value="1" selected', now)
    before = service.recorder.head()
    old = await client.post(
        "/console/do/catalogue/qualify-unit", data={"_form": secret, "_act": "send"}
    )
    assert old.status in (403, 404)
    assert service.recorder.head() == before
    # A post that the person does not have, and a form of another site, change nothing.
    for given, headers in (
        ({"_form": _form(now), "post": "7"}, {}),
        ({"_form": _form(now), "post": "0"}, {"Sec-Fetch-Site": "cross-site"}),
        ({"_form": "guessed", "post": "0"}, {}),
    ):
        await client.post("/console/post", data=given, headers=headers)
        assert '<option value="1" selected' in await (await client.get("/console")).text()


def _form(page: str) -> str:
    found = re.search(r'name="_form" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_signing_out_ends_the_session_and_leads_to_the_provider(
    client: Client, service: Service
) -> None:
    """The session ends here at once; the person is asked to end the provider's."""
    await sign_in(client)
    secret = _form(await (await client.get("/console")).text())
    answer = await client.post("/console/sign-out", data={"_form": secret})
    page = await answer.text()
    assert "/oauth2/end_session?client_id=ledger" in page
    assert (await client.get("/console", allow_redirects=False)).status == 303


def test_an_operator_ends_the_sessions_of_a_person(service: Service) -> None:
    """All of them, of this person alone."""
    one, other = (
        holder_of("JB", "JB-001", "jb_supervisor", None),
        holder_of("JB", "JB-002", "jb_supervisor", None),
    )
    cookies = [service.sessions.begin_as("a", (one,)) for _ in range(2)]
    kept = service.sessions.begin_as("b", (other,))
    assert service.sessions.end_of("JB-001") == 2
    assert [service.sessions.read(cookie) for cookie in cookies] == [None, None]
    assert service.sessions.read(kept) is not None


def test_a_file_of_an_earlier_version_is_completed(tmp_path: Path) -> None:
    """Sessions that were begun before there were posts continue."""
    path = tmp_path / "tokens.sqlite"
    earlier = (
        "CREATE TABLE sessions (digest BLOB PRIMARY KEY, token BLOB NOT NULL, form TEXT NOT NULL,"
        " begun REAL NOT NULL, seen REAL NOT NULL) STRICT"
    )
    cookie, now = "an-earlier-cookie", time.time()
    with Tokens.open(path) as tokens:
        own = tokens.create("JB", "P", "jb_supervisor")
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TABLE sessions")
        file.execute(earlier)
        digests = [sha256(secret.encode()).digest() for secret in (cookie, own)]
        file.execute("INSERT INTO sessions VALUES (?, ?, 'f', ?, ?)", (*digests, now, now))
        file.commit()
    with Tokens.open(path) as tokens:
        again = Sessions(tokens)
        assert again.read(cookie) is not None
        begun = again.begin(own)
        assert begun is not None
        assert again.read(begun) is not None


# Cookies, links of other sites, limits


async def test_with_tls_the_cookie_is_of_this_host_alone(client: Client, service: Service) -> None:
    """A cookie without the prefix is not taken; no address but the console's reads one."""
    secure = {"X-Forwarded-Proto": "https"}
    token = service.tokens.create("JB", "P", "jb_supervisor")
    answer = await client.post(
        "/console/sign-in", data={"token": token}, headers=secure, allow_redirects=False
    )
    cookie = answer.headers["Set-Cookie"]
    value = re.match(r"__Host-ledger_session=([^;]+)", cookie)
    assert value is not None, cookie
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    prefixed = {**secure, "Cookie": f"__Host-ledger_session={value[1]}"}
    assert (await client.get("/console", headers=prefixed)).status == 200
    tossed = {**secure, "Cookie": f"ledger_session={value[1]}"}
    assert (await client.get("/console", headers=tossed, allow_redirects=False)).status == 303
    for path in ("/v1/findings", "/v1/access", "/metrics"):
        assert (await client.get(path, headers=prefixed)).status in (401, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "https://elsewhere.example/x"},
    ],
    ids=["another site", "another host of the domain", "an old browser"],
)
async def test_a_link_of_another_site_consults_nothing(
    client: Client, service: Service, headers: dict[str, str]
) -> None:
    """The page asks first; opened from here, it is one consultation."""
    token = service.tokens.create("JB", "P", "jb_supervisor")
    await client.post("/console/sign-in", data={"token": token})
    before = service.access.recorder.head()
    asks = await client.get("/console/v1/entities", headers=headers)
    assert text_of("from-elsewhere") in await asks.text()
    assert service.access.recorder.head() == before
    await client.get("/console/v1/entities", headers={"Sec-Fetch-Site": "same-origin"})
    assert service.access.recorder.head() == before + 1


async def test_no_other_site_begins_a_sign_in(client: Client) -> None:
    """Its link leads to the page of the sign-in."""
    answer = await client.get(
        "/console/sign-in/provider",
        headers={"Sec-Fetch-Site": "cross-site"},
        allow_redirects=False,
    )
    assert answer.headers["Location"].startswith("/console/sign-in?")


async def test_no_page_opens_in_a_frame(client: Client, service: Service) -> None:
    """Clickjacking: of the sign-in and of a page in a session."""
    await sign_in(client)
    for path in ("/console/sign-in", "/console", "/console/do/supervision/raise-finding"):
        answer = await client.get(path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_attempts_are_limited_by_address_also_behind_a_proxy(service: Service) -> None:
    """A proxy that is named tells whose attempt it is; one that is not is one address itself."""

    async def attempts(client: Client, of: str, count: int) -> list[int]:
        return [
            (
                await client.post(
                    "/console/sign-in",
                    data={"token": f"t{of}{number}"},
                    headers={"X-Forwarded-For": of},
                )
            ).status
            for number in range(count)
        ]

    named = Edge(trusted=networks(("127.0.0.1", "::1")))
    async with TestClient(TestServer(service.app(named))) as client:
        one = await attempts(client, "198.51.100.1", SIGN_INS_PER_MINUTE + 1)
        assert one.count(429) == 1
        assert await attempts(client, "198.51.100.2", 1) == [401]


async def test_attempts_are_limited_by_account(service: Service) -> None:
    """From however many addresses."""
    named = Edge(trusted=networks(("127.0.0.1", "::1")))
    token = service.tokens.create("JB", "P", "jb_supervisor")
    async with TestClient(TestServer(service.app(named))) as client:
        statuses = []
        for number in range(SIGN_INS_OF_ACCOUNT + 1):
            answer = await client.post(
                "/console/sign-in",
                data={"token": token},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
                allow_redirects=False,
            )
            statuses.append(answer.status)
        assert statuses == [303] * SIGN_INS_OF_ACCOUNT + [429]
        assert "Retry-After" in answer.headers


# The configuration


def test_claims_give_posts(issuer: str) -> None:
    """One post or several; what is not named in the configuration gives none."""
    identity = identity_of(issuer)
    posts = identity.posts_of(USERS[0])
    assert [(post.unit, post.person, post.role) for post in posts] == [
        ("JB", "JB-001", "jb_supervisor"),
        ("MRB", "JB-001", "unit_head"),
    ]
    for claims in (
        {},
        {"posts": "x"},
        {"employee": "A", "posts": [{"dept": "99", "duty": "监督员"}]},
        {"employee": "not an id !", "posts": [{"dept": "15", "duty": "监督员"}]},
        {"posts": [{"dept": "15", "duty": "监督员"}]},
        {"employee": "A", "posts": [{"dept": "15", "duty": "operator"}]},
    ):
        with pytest.raises(NoPost):
            identity.posts_of(claims)
    plain = Identity(
        issuer=issuer,
        client_id="c",
        address="https://x.example",
        claims=Claims(person="id", role="role", unit="unit", entity="uscc"),
        roles={"rep": "entity_rep"},
    )
    (rep,) = plain.posts_of(
        {"id": "REP-1", "role": "rep", "unit": "ENTITY", "uscc": "91620100MA7LX0084G"}
    )
    assert rep.entity == "91620100MA7LX0084G"


CONFIG = """
issuer = "https://id.example.gov.cn"
client_id = "ledger"
client_secret_file = "secret"
address = "https://ledger.example.gov.cn"
[claims]
person = "sub"
role = "role"
unit = "unit"
[roles]
supervisor = "jb_supervisor"
"""


def test_the_configuration_is_read(tmp_path: Path) -> None:
    """The secret comes from a file of its own, which nobody else may read."""
    path, secret = tmp_path / "identity.toml", tmp_path / "secret"
    path.write_text(CONFIG, "utf-8")
    secret.write_text("s3cret\n", "utf-8")
    secret.chmod(0o600)
    identity = read_identity(path)
    assert identity.secret == "s3cret"
    assert identity.encrypted
    assert identity.callback == "https://ledger.example.gov.cn/console/sign-in/return"


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ("https://id.", "http://id.", "issuer"),
        ("https://ledger.", "http://ledger.", "address"),
        ("jb_supervisor", "king", "roles"),
        ('client_id = "ledger"\n', "", "client_id"),
        ('supervisor = "jb_supervisor"\n', "", r"\[roles\]"),
        ("issuer =", "isuer =", "isuer"),
        ('"secret"', '"none"', "none"),
        ("[claims]", "[claims", "identity.toml"),
    ],
)
def test_a_faulty_configuration_is_named(
    tmp_path: Path, written: str, instead: str, says: str
) -> None:
    """The message names the field; the service does not start."""
    assert written in CONFIG
    path = tmp_path / "identity.toml"
    path.write_text(CONFIG.replace(written, instead), "utf-8")
    (tmp_path / "secret").write_text("s", "utf-8")
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(IdentityError, match=says):
        read_identity(path)


def test_a_secret_that_others_read_is_refused(tmp_path: Path) -> None:
    """Its mode is told."""
    path = tmp_path / "identity.toml"
    path.write_text(CONFIG, "utf-8")
    (tmp_path / "secret").write_text("s", "utf-8")
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(IdentityError, match="0644"):
        read_identity(path)
