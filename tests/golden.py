"""Golden bytes: every version of every event that was ever released, kept for ever.

    python -m tests.golden [system …]

adds what is missing, of all systems or of those named, and never rewrites a file. For each topic
and version there is ``<topic>.v<version>.msgpack``, a list of two records (all fields set, and as
few as possible), and ``….json``, what they read as, defaults spelled out. When an event gains a
version, its older bytes get a ``….as-v<version>.json`` beside: what they read as since.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any
from uuid import UUID

import msgpack
import msgspec
from hypothesis import HealthCheck, find, settings

import ledger
from ledger.kernel import Actor, Event, LegalRef, Provenance, codec
from ledger.kernel.events import Envelope, event_types
from tests.kernel.strategies import instances

FOLDER = Path(__file__).with_suffix("")
NAME = re.compile(r"^(?P<topic>[a-z0-9.-]+)\.v(?P<version>[0-9]+)\.msgpack$")


def released_types() -> dict[str, type[Event]]:
    """Every event class of the program by topic; those of tests are not released."""
    for module in walk_packages(ledger.__path__, "ledger."):
        if re.search(r"\.(events|kernel)(\.|$)", module.name):
            import_module(module.name)
    return {
        topic: cls
        for topic, cls in sorted(event_types().items())
        if cls.__module__.startswith("ledger.")
    }


def bytes_file(topic: str, version: int) -> Path:
    """Where the bytes of one version lie."""
    return FOLDER / f"{topic}.v{version}.msgpack"


def value_file(topic: str, version: int, program_version: int) -> Path:
    """Where it stands what those bytes read as for a program that knows ``program_version``."""
    since = "" if version == program_version else f".as-v{program_version}"
    return FOLDER / f"{topic}.v{version}{since}.json"


def kept() -> Iterator[tuple[str, int]]:
    """Topic and version of all golden bytes."""
    for path in sorted(FOLDER.glob("*.msgpack")):
        match = NAME.match(path.name)
        assert match, f"{path.name} is no golden file"
        yield match["topic"], int(match["version"])


def records(topic: str, version: int) -> list[bytes]:
    """The golden records of one version: full and bare."""
    stored: list[bytes] = msgpack.unpackb(bytes_file(topic, version).read_bytes())
    return stored


def read_as(data: bytes) -> Any:
    """What a record reads as, defaults spelled out."""
    return msgspec.to_builtins(_spelled_out(codec.decode(1, data)))


def add_missing(systems: set[str]) -> list[Path]:
    """Write what is missing of these systems, or of all when none is named."""
    FOLDER.mkdir(exist_ok=True)
    added = []
    types = {t: c for t, c in released_types().items() if not systems or t.split(".")[0] in systems}
    for topic, cls in types.items():
        path = bytes_file(topic, cls.VERSION)
        if not path.exists():
            samples = [
                codec.encode(_envelope(cls, full), _sample(cls, full)) for full in (True, False)
            ]
            path.write_bytes(msgpack.packb(samples))
            added.append(path)
    for topic, version in kept():
        if topic not in types:
            continue
        path = value_file(topic, version, types[topic].VERSION)
        if not path.exists():
            value = msgspec.json.encode([read_as(data) for data in records(topic, version)])
            path.write_bytes(msgspec.json.format(value) + b"\n")
            added.append(path)
    return added


def _sample(cls: type[Event], full: bool) -> Event:
    quick = settings(database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    event: Event = find(instances(cls, full=full), lambda _: True, settings=quick)
    return event


def _envelope(cls: type[Event], full: bool) -> Envelope:
    head: dict[str, Any] = {
        "event_id": UUID("01960000-0000-7000-8000-000000000001"),
        "type": cls.TOPIC,
        "schema_version": cls.VERSION,
        "occurred_at": datetime.fromisoformat("2026-05-11T10:00:00+08:00"),
        "recorded_at": datetime.fromisoformat("2026-05-11T02:00:01.250+00:00"),
        "actor": Actor(unit_id="MRB", person_id="OFF-001", role="enforcement_officer"),
        "correlation_id": UUID("01960000-0000-7000-8000-000000000002"),
        "command_id": "0123456789abcdef0123456789abcdef",
        "visibility": cls.VISIBILITY,
    }
    if full:
        head |= {
            "legal_basis": (LegalRef(instrument="行政处罚法", article="Art 42"),),
            "policy_refs": {"visit_cap": 2},
            "causation_id": UUID("01960000-0000-7000-8000-000000000003"),
            "request_digest": "fedcba9876543210fedcba9876543210",
            "provenance": Provenance(source="register", file="a.csv", row=7, digest="0" * 64),
        }
    return Envelope(**head)


def _spelled_out(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        # What is unset stands in no bytes, and reads as nothing.
        return {name: _spelled_out(field) for name, field in fields if field is not msgspec.UNSET}
    if isinstance(value, list | tuple):
        return [_spelled_out(item) for item in value]
    if isinstance(value, dict):
        return {key: _spelled_out(item) for key, item in value.items()}
    return value


if __name__ == "__main__":
    for new in add_missing(set(sys.argv[1:])):
        sys.stdout.write(f"added {new.name}\n")
