"""Trust policies (c2sp.org/tlog-policy): which logs and witnesses are known, and how many suffice.

log <vkey> [<url>]
witness <name> <vkey> [<url>]
group <name> all|any|<k> <name>...
quorum <name>|none
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import msgspec

from ledger.transparency.notes import COSIGNATURE, ED25519, Verifier, parse_vkey

_NONE = "none"
_SPACE = re.compile(r"[ \t]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MANY = re.compile(r"[1-9][0-9]{0,5}")


class PolicyError(ValueError):
    """The policy file is not valid; the message names the line."""


class KnownLog(msgspec.Struct, frozen=True):
    """A log by its key, whose name is the log's origin."""

    key: Verifier
    url: str | None = None


class KnownWitness(msgspec.Struct, frozen=True):
    """A witness by its key, with its name in the policy and its address."""

    name: str
    key: Verifier
    url: str | None = None


class Policy(msgspec.Struct, frozen=True):
    """The content of a policy file. ``groups``: how many of which members each group needs."""

    logs: tuple[KnownLog, ...] = ()
    witnesses: tuple[KnownWitness, ...] = ()
    groups: Mapping[str, tuple[int, tuple[str, ...]]] = {}
    quorum: str = _NONE

    def satisfied(self, names: Collection[str]) -> bool:
        """Whether the cosignatures of the witnesses with these names suffice."""
        return self.quorum == _NONE or self._witnessed(self.quorum, names)

    def keys_of(self, origin: str) -> tuple[Verifier, ...]:
        """Return the keys that are trusted to sign for a log."""
        return tuple(log.key for log in self.logs if log.key.name == origin)

    def _witnessed(self, name: str, names: Collection[str]) -> bool:
        if name not in self.groups:
            return name in names
        needed, members = self.groups[name]
        return sum(self._witnessed(member, names) for member in members) >= needed


def parse_policy(data: bytes) -> Policy:
    """Return the policy in a file. Raises ``PolicyError``."""
    reader = _Reader()
    # Names are opaque bytes: keep bytes that are not UTF-8, so that they stay different.
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
        words = line.strip(" \t")
        if _CONTROL.search(line):
            raise PolicyError(f"line {number}: it must not contain a control character")
        if not words or words.startswith("#"):
            continue
        keyword, *rest = _SPACE.split(words)
        try:
            reader.take(keyword, rest)
        except ValueError as error:
            raise PolicyError(f"line {number}: {error}") from error
    if reader.quorum is None:
        raise PolicyError("there must be a quorum line; write 'quorum none' if nobody must cosign")
    return Policy(
        tuple(reader.logs), tuple(reader.witnesses.values()), reader.groups, reader.quorum
    )


class _Reader:
    """The logs, witnesses and groups that the lines so far have defined."""

    def __init__(self) -> None:
        self.logs: list[KnownLog] = []
        self.witnesses: dict[str, KnownWitness] = {}
        self.groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def take(self, keyword: str, words: list[str]) -> None:
        match keyword, words:
            case "log", [vkey, *url] if len(url) <= 1:
                self._log(vkey, *url)
            case "witness", [name, vkey, *url] if len(url) <= 1:
                self._witness(name, vkey, *url)
            case "group", [name, many, *members] if members:
                self._group(name, many, members)
            case "quorum", [name]:
                if self.quorum is not None:
                    raise ValueError("there must be only one quorum line")
                if name != _NONE:
                    self._defined(name)
                self.quorum = name
            case _:
                raise ValueError(
                    "expected log <vkey> [<url>], witness <name> <vkey> [<url>], "
                    "group <name> all|any|<k> <name>... or quorum <name>|none"
                )

    def _log(self, vkey: str, url: str | None = None) -> None:
        key = _key(vkey, ED25519, "a log")
        if any(key.public == known.key.public for known in self.logs):
            raise ValueError(f"the key of {key.name!r} is listed twice")
        self.logs.append(KnownLog(key, _url(url)))

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        self._free(name)
        key = _key(vkey, COSIGNATURE, "a witness")
        if any(key.public == known.key.public for known in self.witnesses.values()):
            raise ValueError(f"the key of {name!r} is that of another witness too")
        self.witnesses[name] = KnownWitness(name, key, _url(url))

    def _group(self, name: str, many: str, members: list[str]) -> None:
        self._free(name)
        for member in members:
            self._defined(member)
            if member in self._members:
                raise ValueError(f"{member!r} is a member already, and would count twice")
            self._members.add(member)
        if many not in ("all", "any") and not _MANY.fullmatch(many):
            raise ValueError(f"{many!r} is neither all, any nor a number")
        needed = {"all": len(members), "any": 1}.get(many) or int(many)
        if needed > len(members):
            raise ValueError(f"{needed} of {len(members)} members can never be")
        self.groups[name] = (needed, tuple(members))

    def _free(self, name: str) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise ValueError(f"the name {name!r} is already in use")

    def _defined(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise ValueError(f"{name!r} must be a witness or group that an earlier line defines")


def _key(vkey: str, kind: int, whose: str) -> Verifier:
    key = parse_vkey(vkey)
    if key.kind != kind:
        raise ValueError(f"the key of {key.name!r} must be the key of {whose}; it is not")
    return key


def _url(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"an address must have the form https://host/prefix; it is {url!r}")
    return url.rstrip("/")
