"""Sign-in by an identity provider: its configuration, and the posts that its claims name.

The file is TOML. It says which provider is asked, and what its claims mean here::

    issuer = "https://id.example.gov.cn"
    client_id = "supervision-ledger"
    client_secret_file = "oidc.secret"            # left out for a client without a secret
    address = "https://ledger.example.gov.cn"     # where browsers reach this service
    name = "统一身份认证"                           # on the button
    scopes = ["profile"]                          # in addition to openid

    [claims]
    person = "employee_number"
    posts = "posts"       # a list of objects, for persons of several posts; else left out
    unit = "department"
    role = "role"         # one value or several
    entity = "uscc"       # of representatives of businesses

    [roles]               # no other value gives a role
    "监督员" = "jb_supervisor"

    [units]               # left out where the claim has the ids of this service
    "620100015" = "MRB"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from api.http.tokens import Holder, holder_of
from ledger.general.vocabulary import Role
from ledger.stores.files import ANY, open_to_others

#: The most posts that a person may choose from.
MAX_POSTS = 20

#: Where the provider sends the browser back to.
RETURN = "/console/sign-in/return"


class IdentityError(ValueError):
    """The configuration of the identity provider cannot be used; the text says why."""


class NoPost(Exception):
    """The claims of a person give no post here."""


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of the claims; ``posts``: the claim with a list of objects that have the others."""

    person: str
    role: str
    unit: str
    entity: str | None = None
    posts: str | None = None


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The identity provider, and what its claims mean here."""

    issuer: str
    client_id: str
    address: str
    claims: Claims
    roles: dict[str, Role]
    name: str = "OpenID Connect"
    client_secret_file: str | None = None
    scopes: tuple[str, ...] = ("profile",)
    units: dict[str, str] = {}
    secret: str = ""

    @property
    def callback(self) -> str:
        """The address that is registered with the provider."""
        return f"{self.address.rstrip('/')}{RETURN}"

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach this service by TLS."""
        return self.address.startswith("https:")

    def posts_of(self, claims: Mapping[str, Any]) -> tuple[Holder, ...]:
        """Return the posts that the claims of a person give; raise ``NoPost`` if there is none."""
        named = self.claims
        given = claims.get(named.posts, ()) if named.posts else (claims,)
        objects = [post for post in _several(given) if isinstance(post, Mapping)]
        posts: dict[Holder, None] = {}
        for post in objects:
            about = {**claims, **post}
            for role in _several(about.get(named.role)):
                if (holder := self._holder(about, role)) is not None:
                    posts[holder] = None
        if not posts:
            raise NoPost
        return tuple(posts)[:MAX_POSTS]

    def _holder(self, claims: Mapping[str, Any], said: Any) -> Holder | None:
        role = self.roles.get(said) if isinstance(said, str) else None
        unit, person = claims.get(self.claims.unit), claims.get(self.claims.person)
        if role is None or unit is None or person is None:
            return None
        if self.units:
            unit = self.units.get(str(unit), "")
        named = self.claims.entity
        entity = claims.get(named) if named and role == "entity_rep" else None
        try:
            return holder_of(str(unit), str(person), role, None if entity is None else str(entity))
        except ValueError:
            return None


def _several(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        yield from value
    elif value is not None:
        yield value


def read_identity(path: Path) -> Identity:
    """Read the configuration and the client's secret. Raises ``IdentityError``."""
    try:
        identity = msgspec.toml.decode(path.read_bytes(), type=Identity)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IdentityError(f"{path}: {error}") from None
    for field in ("issuer", "address"):
        if not private(getattr(identity, field)):
            raise IdentityError(
                f"{path}: `{field}` must be an https address without query or fragment; it is "
                f"{getattr(identity, field)!r}"
            )
    if not identity.roles:
        raise IdentityError(f"{path}: `[roles]` must give at least one value of the claim a role")
    if identity.client_secret_file is None:
        return identity
    secret = path.parent / identity.client_secret_file
    try:
        mode = open_to_others(secret, ANY)
        text = secret.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise IdentityError(f"{secret}: {error}") from None
    if mode is not None:
        raise IdentityError(
            f"{secret} must be readable by its owner alone; its mode is {mode:04o}. chmod 600 it."
        )
    if not text:
        raise IdentityError(f"{secret} must have the secret of the client; it is empty")
    return msgspec.structs.replace(identity, secret=text)


def private(address: str) -> bool:
    """Return whether nobody on the way can read what is sent: TLS, or this machine itself."""
    parts = urlsplit(address)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and on_this_machine(parts.hostname))


def on_this_machine(host: str) -> bool:
    """Return whether a host name or address is that of the machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
