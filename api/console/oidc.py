"""OpenID Connect: the authorization code flow with PKCE, for the sign-in to the console.

One sign-in, in order:

1. The browser gets a cookie with 256 random bits and is sent to the provider with values derived
   from them: ``state``, ``nonce`` and the challenge of the code verifier. Nothing is kept here.
2. The provider sends it back with a code. The state must be that of the browser's own cookie:
   otherwise another person began this sign-in, and the code is not used.
3. The code is exchanged with the verifier, so that a stolen code is worth nothing without the
   cookie. The ID token must be signed by the provider, for this client, with this nonce.
4. The claims give the posts (``api.console.identity``). All tokens are forgotten.

Neither tokens nor codes are logged or stored. joserfc checks signatures, authlib the claims.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec
import structlog
from aiohttp import web
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.console.identity import Identity, private
from api.running.pools import Pool

T = TypeVar("T")

IDENTITY_PROVIDER: web.AppKey[Provider | None] = web.AppKey("identity_provider")

log = structlog.get_logger("api.oidc")

#: Requests to the provider, which may be slow; sign-ins alone wait for them.
PROVIDER = Pool("provider", 4, 60, 30)

#: How long the provider may be silent within an answer, in seconds, and how long an answer may be.
SECONDS, MAX_ANSWER = 10.0, 256 * 1024

#: How long what the provider says of itself is used, in seconds, and the shortest time between two
#: readings of its keys: an unknown key id must not make us ask without end.
KNOWN_SECONDS, KEYS_SECONDS = 3_600.0, 30.0

#: Signatures of ID tokens; a shared secret signs none.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]

#: How far the clocks of the provider and of this service may differ, in seconds.
LEEWAY = 60


class SignInFailed(Exception):
    """A sign-in by the provider failed; ``step`` says where, in one word."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


class _Known(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    """The answer to a code; never shown, so that no log can contain it."""

    id_token: str
    access_token: str = ""

    def __repr__(self) -> str:
        return "<tokens>"


class Person(msgspec.Struct, frozen=True):
    """Who signed in: the provider's name for the person, and all claims."""

    subject: str
    claims: dict[str, Any]


def new_secret() -> str:
    """Return the secret of one sign-in: the content of the browser's cookie."""
    return secrets.token_urlsafe(32)


def derived(secret: str, use: str) -> str:
    """Return a value for one use; neither the secret nor the others can be told from it."""
    digest = hmac.digest(secret.encode(), use.encode(), sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


class Provider:
    """The identity provider. The methods block; safe for threads."""

    def __init__(self, identity: Identity, clock: Callable[[], float] = time.time) -> None:
        self.identity = identity
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[float, _Known] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def begin(self, secret: str) -> str:
        """Return the address at the provider where a person signs in. Raises ``SignInFailed``."""
        identity = self.identity
        query = {
            "response_type": "code",
            "client_id": identity.client_id,
            "redirect_uri": identity.callback,
            "scope": " ".join(dict.fromkeys(("openid", *identity.scopes))),
            "state": derived(secret, "state"),
            "nonce": derived(secret, "nonce"),
            "code_challenge": create_s256_code_challenge(derived(secret, "verifier")),
            "code_challenge_method": "S256",
        }
        return _with_query(self._about().authorization_endpoint, query)

    def finish(self, secret: str, answer: Mapping[str, str]) -> Person:
        """Return who signed in, from what the provider sent back. Raises ``SignInFailed``."""
        expected = derived(secret, "state")
        if not hmac.compare_digest(answer.get("state", "").encode(), expected.encode()):
            raise SignInFailed("state")
        about = self._about()
        issuer = answer.get("iss")
        if issuer is None and about.authorization_response_iss_parameter_supported:
            raise SignInFailed("issuer")
        if issuer is not None and issuer != self.identity.issuer:
            raise SignInFailed("issuer")
        if "error" in answer:
            raise SignInFailed("refused")
        if not answer.get("code"):
            raise SignInFailed("code")
        tokens = self._exchanged(about, secret, answer["code"])
        claims = self._claims(about, tokens, derived(secret, "nonce"))
        if about.userinfo_endpoint and tokens.access_token:
            # What is signed counts before what is not.
            claims = {**self._userinfo(about, tokens, claims["sub"]), **claims}
        return Person(str(claims["sub"]), claims)

    def farewell(self) -> str | None:
        """Return the address that ends the session at the provider, if the provider has one."""
        try:
            end = self._about().end_session_endpoint
        except SignInFailed:
            return None
        back = f"{self.identity.address.rstrip('/')}/console/sign-in"
        query = {"client_id": self.identity.client_id, "post_logout_redirect_uri": back}
        return None if end is None else _with_query(end, query)

    def _about(self) -> _Known:
        with self._lock:
            known = self._known
        if known is not None and self._clock() - known[0] < KNOWN_SECONDS:
            return known[1]
        issuer = self.identity.issuer
        where = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        about = _decoded(_fetched("discovery", "GET", where), _Known, "discovery")
        places = (about.token_endpoint, about.jwks_uri, about.userinfo_endpoint)
        if about.issuer != issuer or not all(map(private, filter(None, places))):
            raise SignInFailed("discovery")
        with self._lock:
            self._known = self._clock(), about
        return about

    def _exchanged(self, about: _Known, secret: str, code: str) -> _Tokens:
        identity = self.identity
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": identity.callback,
            "code_verifier": derived(secret, "verifier"),
        }
        basic: httpx.BasicAuth | None = None
        if not identity.secret:
            form["client_id"] = identity.client_id
        elif "client_secret_basic" in about.token_endpoint_auth_methods_supported:
            # RFC 6749, section 2.3.1: both are encoded as form values first.
            encoded = [_form_encoded(text) for text in (identity.client_id, identity.secret)]
            basic = httpx.BasicAuth(*encoded)
        else:
            form |= {"client_id": identity.client_id, "client_secret": identity.secret}
        answer = _fetched("exchange", "POST", about.token_endpoint, data=form, auth=basic)
        return _decoded(answer, _Tokens, "exchange")

    def _claims(self, about: _Known, tokens: _Tokens, nonce: str) -> dict[str, Any]:
        identity = self.identity
        try:
            token = self._verified(about, tokens.id_token)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": identity.issuer},
                    "aud": {"essential": True, "value": identity.client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": identity.client_id,
                    "access_token": tokens.access_token,
                },
            )
            claims.validate(now=int(self._clock()), leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError):
            # Their texts may repeat parts of the token.
            raise SignInFailed("token") from None
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise SignInFailed("token")
        return dict(claims)

    def _verified(self, about: _Known, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, self._key_set(about, 0.0), algorithms=ALGORITHMS)
        except (JoseError, ValueError, KeyError):
            # The provider may have changed its keys since they were read.
            return jwt.decode(token, self._key_set(about, KEYS_SECONDS), algorithms=ALGORITHMS)

    def _key_set(self, about: _Known, older_than: float) -> KeySet:
        """Return the provider's keys, read again if ``older_than`` seconds have passed."""
        with self._lock:
            keys = self._keys
        limit = older_than or KNOWN_SECONDS
        if keys is not None and self._clock() - keys[0] < limit:
            return keys[1]
        try:
            read = KeySet.import_key_set(
                _decoded(_fetched("keys", "GET", about.jwks_uri), dict[str, Any], "keys")  # type: ignore[arg-type]
            )
        except (JoseError, ValueError, TypeError, KeyError):
            raise SignInFailed("keys") from None
        with self._lock:
            self._keys = self._clock(), read
        return read

    def _userinfo(self, about: _Known, tokens: _Tokens, subject: str) -> dict[str, Any]:
        assert about.userinfo_endpoint is not None
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        answer = _fetched("userinfo", "GET", about.userinfo_endpoint, headers=headers)
        claims = _decoded(answer, dict[str, Any], "userinfo")
        if claims.get("sub") != subject:
            # Section 5.3.2: otherwise it may be about another person.
            raise SignInFailed("userinfo")
        return claims


def _fetched(step: str, method: str, where: str, **more: Any) -> bytes:
    """Return an answer of the provider; redirects are not followed. Raises ``SignInFailed``."""
    try:
        with (
            httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(method, where, headers=_asking(more), **more) as answer,
        ):
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_ANSWER:
                    raise SignInFailed(step)
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("provider_unreachable", step=step, error=type(error).__name__)
        raise SignInFailed("unreachable") from None
    if status != 200:
        log.warning("provider_refused", step=step, status=status)
        raise SignInFailed(step)
    return body


def _asking(more: dict[str, Any]) -> dict[str, str]:
    return {"Accept": "application/json", **more.pop("headers", {})}


def _decoded(answer: bytes, kind: type[T], step: str) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SignInFailed(step) from None


def _with_query(where: str, query: Mapping[str, str]) -> str:
    return f"{where}{'&' if '?' in where else '?'}{urlencode(query)}"


def _form_encoded(text: str) -> str:
    return urlencode({"": text})[1:]
