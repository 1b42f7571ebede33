"""The units, people, matters and businesses of the district, from ``district.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from ledger.general.vocabulary import Grade, Role
from ledger.kernel import Actor


class Unit(msgspec.Struct, frozen=True):
    """An authority or office; ``enforces``: it is qualified to enforce."""

    id: str
    name: str
    enforces: bool = False


class Person(msgspec.Struct, frozen=True):
    """Someone who acts; ``shown``: a token for this person is printed."""

    key: str
    unit: str
    id: str
    role: Role
    entity: str | None = None
    shown: bool = False

    def actor(self) -> Actor:
        """Return the person as the sender of a command."""
        return Actor(unit_id=self.unit, person_id=self.id, role=self.role)


class Officers(msgspec.Struct, frozen=True):
    """Officers of a unit with certificates of one series."""

    unit: str
    numbers: tuple[int, ...]
    series: str
    domains: tuple[str, ...]

    def badges(self) -> dict[str, str]:
        """Return each officer's id with the number of the certificate."""
        return {f"OFF-{n:03d}": f"{self.series}-{n:03d}" for n in self.numbers}


class Matter(msgspec.Struct, frozen=True):
    """A matter of a unit, with its basis as level, instrument and article."""

    id: str
    unit: str
    name: str
    kind: str
    office: str
    domain: str
    entity_class: str
    basis: tuple[tuple[str, str, str], ...]
    standard: str | None = None

    def elements(self) -> dict[str, Any]:
        """Return the elements as ``list-matter`` takes them."""
        return {
            "name": self.name,
            "act_kind": self.kind,
            "office_id": self.office,
            "bases": [
                {"level": level, "instrument": instrument, "article": article}
                for level, instrument, article in self.basis
            ],
            "domain": self.domain,
            "entity_class": self.entity_class,
            "inspection_standard_ref": self.standard,
        }


class Business(msgspec.Struct, frozen=True):
    """A business; ``grade``: the grade that the general classification gave it."""

    entity: str
    name: str
    area: str
    line: str
    grade: Grade | None = None


class District(msgspec.Struct, frozen=True):
    """The whole table."""

    unit: tuple[Unit, ...]
    person: tuple[Person, ...]
    officers: tuple[Officers, ...]
    matter: tuple[Matter, ...]
    business: tuple[Business, ...]

    def named(self, unit: str) -> str:
        """Return the name of a unit, or of the business for its representatives."""
        return next((one.name for one in self.unit if one.id == unit), unit)

    def certificates(self) -> dict[str, str]:
        """Return the certificate number of every officer."""
        return {
            officer: number for group in self.officers for officer, number in group.badges().items()
        }


@cache
def district() -> District:
    """Read the table."""
    text = (files("api.district") / "district.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), District)
