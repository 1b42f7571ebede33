"""Sealed data of natural persons, for readers who may know it; every reading is recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
from aiohttp import web

from api.http.asking import PRIVATE, asked, follower_of
from api.http.keys import VAULT
from api.http.problems import Problem, not_found
from api.http.reader import Reader, reader_of
from api.http.reading import json_response
from api.http.resources import Resource
from ledger.general.audiences import UNIT_BOUND
from ledger.kernel import Fold
from ledger.stores import StoreError
from ledger.systems.complaints.events import ComplainantNamed
from ledger.systems.complaints.folds import Complaint
from ledger.systems.entities.folds import LegalRepresentatives, Representative
from ledger.systems.persons.events import ErasureReason, PersonRegistered
from ledger.systems.persons.folds import Involvements, Person
from ledger.systems.reconsideration.events import ReconApplied
from ledger.systems.reconsideration.folds import ReconCase
from ledger.vault.sealing import Unsealable, unseal
from ledger.vault.store import Vault

#: Roles that read what their own unit recorded.
_OFFICIALS = UNIT_BOUND | {"recon_officer"}

_SEALED = ("name", "contact", "id_number")


class PersonShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person: the decrypted data; or, if erased, when and why."""

    person: str
    stage: str
    unit: str
    registered_on: date
    name: str | None = None
    contact: str | None = None
    id_number: str | None = None
    erased_on: date | None = None
    reason: ErasureReason | None = None


async def person(request: web.Request) -> web.Response:
    """The data of one natural person, decrypted with the person's key.

    For the person, the unit that registered them, the body that handles their complaint, the organ
    that decides on their application, and the Justice Bureau; but never for a unit or officer whom
    the person has accused. Every reading is recorded in the access ledger. Nobody can read erased
    data.
    """
    reader = await reader_of(request)
    name = request.match_info["person"]
    vault = request.app[VAULT]
    assert vault is not None  # this resource exists only with a vault
    source = follower_of(request).source

    def now(fold: Any) -> Any:
        return fold.over(source.records([fold.selector()]))

    registered = await asked(lambda: _readable(name, reader, now))
    if registered is None:
        # The same answer whether the person does not exist or may not be read by this token.
        raise not_found()
    try:
        shown = await asked(lambda: _shown(registered, vault))
    except (StoreError, Unsealable) as error:
        raise Problem("unavailable", "sealed.vault-cannot-decrypt-now") from error
    return json_response(shown, headers=PRIVATE)


def _readable(name: str, reader: Reader, now: Callable[[Any], Any]) -> Person | None:
    known: Person = now(Person(name))
    return known if known.exists and _may_read(reader, known, now) else None


def _may_read(reader: Reader, person: Person, now: Callable[[Fold], Any]) -> bool:
    if reader.person == person.person:
        return True
    if not reader.is_bureau and reader.role not in _OFFICIALS:
        return False
    stands: Involvements = now(Involvements(person.person))
    complaints: list[Complaint] = [now(Complaint(name)) for name in stands.of(ComplainantNamed)]
    if any(reader.unit == c.subject_unit or reader.person in c.officers for c in complaints):
        return False
    if reader.is_bureau or reader.unit == person.unit:
        return True
    if reader.role == "recon_officer":
        return any(now(ReconCase(name)).organ == reader.unit for name in stands.of(ReconApplied))
    return any(reader.unit == complaint.unit for complaint in complaints)


def _shown(person: Person, vault: Vault) -> PersonShown:
    assert person.registered_on is not None
    opened: dict[str, str] = {}
    # Once the erasure is recorded nothing is decrypted, even if the key still exists.
    secret = vault.secret(person.person) if person.erased_on is None else None
    if secret is not None:
        for field in _SEALED:
            if (sealed := getattr(person, field)) is not None:
                opened[field] = unseal(secret, PersonRegistered.TOPIC, field, sealed)
    elif person.erased_on is None:
        raise Unsealable(f"the vault has no key of {person.person}")
    return PersonShown(
        person=person.person,
        stage=person.stage,
        unit=person.unit,
        registered_on=person.registered_on,
        erased_on=person.erased_on,
        reason=person.reason,
        **opened,
    )


class Represented(msgspec.Struct, frozen=True):
    """The legal representatives of a business, oldest first, as recorded by the reader's unit."""

    items: tuple[Representative, ...]


async def legal_representatives(request: web.Request) -> web.Response:
    """The legal representatives of a business and their first days; their data is sealed.

    A unit reads what it recorded itself, the Justice Bureau everything. `/v1/persons/{person}`
    decrypts the data. Every reading is recorded in the access ledger.
    """
    reader = await reader_of(request)
    fold = LegalRepresentatives(request.match_info["entity"])
    source = follower_of(request).source
    represented = await asked(lambda: fold.over(source.records([fold.selector()])))
    items = tuple(item for item in represented.items if reader.sees("sealed", item.unit, ()))
    if not items:
        # The same answer whether there are none or this token may not read any.
        raise not_found()
    return json_response(Represented(items), headers=PRIVATE)


RESOURCES = (
    Resource("/v1/persons/{person}", person, returns=PersonShown, audited=True),
    Resource(
        "/v1/entities/{entity}/legal-representatives",
        legal_representatives,
        returns=Represented,
        audited=True,
    ),
)
