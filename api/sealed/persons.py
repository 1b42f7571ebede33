"""What is sealed about one natural person, for those who may know it; each look is taken down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, follower_of
from api.http.keys import VAULT
from api.http.problems import Problem, not_found
from api.http.reading import json_response
from api.http.resources import Resource
from api.http.tokens import Grant
from api.http.visibility import may_see
from ledger.general.audiences import UNIT_BOUND
from ledger.kernel import Fold
from ledger.stores import StoreError
from ledger.systems.complaints.folds import Complaint
from ledger.systems.entities.folds import LegalRepresentatives, Representative
from ledger.systems.persons.events import ErasureReason, PersonRegistered
from ledger.systems.persons.folds import Involvements, Person
from ledger.systems.reconsideration.folds import ReconCase
from ledger.vault.sealing import Unsealable, unseal
from ledger.vault.store import Vault

#: They read what their own unit took down.
_OFFICIALS = UNIT_BOUND | {"recon_officer"}

_SEALED = ("name", "contact", "id_number")


class PersonShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person: what was sealed, opened; or that it was erased, when and why."""

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
    """What is known of one natural person, opened with the person's own key.

    For the person, the unit that took it down, the body that handles a complaint of the person,
    the organ that decides on an application of the person, and the Justice Bureau; never for a
    unit or officer whom the person has accused. Each look is taken down in the access ledger. What
    was erased cannot be read by anybody.
    """
    grant = await grant_of(request)
    name = request.match_info["person"]
    vault = request.app[VAULT]
    assert vault is not None  # this resource is there where a vault is
    source = follower_of(request).source

    def now(fold: Any) -> Any:
        return fold.over(source.records([fold.selector()]))

    found = await asked(lambda: _found(name, grant, now))
    if found is None:
        # Nobody there, or nobody for this token: the two look alike.
        raise not_found()
    try:
        shown = await asked(lambda: _shown(found, vault))
    except (StoreError, Unsealable) as error:
        raise Problem("unavailable", "The vault cannot open this now.") from error
    return json_response(shown, headers=PRIVATE)


def _found(name: str, grant: Grant, now: Callable[[Any], Any]) -> Person | None:
    known: Person = now(Person(name))
    return known if known.exists and _may_read(grant, known, now) else None


def _may_read(grant: Grant, person: Person, now: Callable[[Fold], Any]) -> bool:
    if grant.person == person.person:
        return True
    if grant.role != "jb_supervisor" and grant.role not in _OFFICIALS:
        return False
    stands: Involvements = now(Involvements(person.person))
    complaints: list[Complaint] = [now(Complaint(one)) for one in stands.complaints]
    if any(grant.unit == one.subject_unit or grant.person in one.officers for one in complaints):
        return False
    if grant.role == "jb_supervisor" or grant.unit == person.unit:
        return True
    if grant.role == "recon_officer":
        return any(now(ReconCase(one)).organ == grant.unit for one in stands.recons)
    return any(grant.unit == one.unit for one in complaints)


def _shown(person: Person, vault: Vault) -> PersonShown:
    assert person.registered_on is not None
    opened: dict[str, str] = {}
    # Once the event is there nothing is opened, whether the key is gone yet or not.
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
    """Who speaks for a business by law, oldest first, as the reader's unit took it down."""

    items: tuple[Representative, ...]


async def legal_representatives(request: web.Request) -> web.Response:
    """Who speaks for a business by law, and since when; each a person whose data is sealed.

    A unit reads what it took down itself, the Justice Bureau all of it. `/v1/persons/{person}`
    opens the data. Each look is taken down in the access ledger.
    """
    grant = await grant_of(request)
    fold = LegalRepresentatives(request.match_info["entity"])
    source = follower_of(request).source
    found = await asked(lambda: fold.over(source.records([fold.selector()])))
    items = tuple(item for item in found.items if may_see(grant, "sealed", item.unit, ()))
    if not items:
        # None there, or none for this token: the two look alike.
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
