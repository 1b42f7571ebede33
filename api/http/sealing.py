"""Seal personal data of a command before the command gets an id, a digest or a queue place.

Unsealed personal data goes no further than this module. The work that must follow an erasure is
also done here.
"""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
from stdnum.cn import ric

from ledger.evidence import EvidenceFiles
from ledger.kernel import Command, Malformed, OutOfStep
from ledger.systems.complaints.commands import ComplainPublicly
from ledger.systems.complaints.events import ComplaintReceived
from ledger.systems.entities.commands import RecordLegalRepresentative
from ledger.systems.filing.commands import SignOnSiteRecord
from ledger.systems.persons.commands import ErasePerson, RegisterPerson
from ledger.systems.persons.erasure import destroy_keys
from ledger.systems.persons.events import PersonRegistered, SealedPerson
from ledger.systems.process.commands import EraseCaseFiles
from ledger.vault.sealing import Sealed, seal
from ledger.vault.store import Keys, Vault

replace = msgspec.structs.replace


def sealed_person(
    vault: Keys,
    made_for: str,
    *,
    name: str,
    contact: str | None = None,
    id_number: str | None = None,
) -> SealedPerson:
    """Return a person's data under a new token and key; a repeated command gets the same ones."""
    secret = _secret(vault, made_for)
    person = vault.mint(made_for).person

    def closed(field: str, text: str) -> Sealed:
        return seal(secret, person, PersonRegistered.TOPIC, field, text)

    return SealedPerson(
        person=person,
        name=closed("name", name),
        contact=None if contact is None else closed("contact", contact),
        id_number=None if id_number is None else closed("id_number", id_number),
    )


#: The name recorded for a complainant who gave none.
_NAMELESS = "未具名"

#: 100 random bits as letters and digits, in groups that people can read out.
_TRACKING_LETTERS, _GROUP = 20, 4


def public_complaint(
    vault: Keys,
    made_for: str,
    *,
    subject_unit: str,
    facts: str,
    name: str | None = None,
    contact: str | None = None,
) -> tuple[ComplainPublicly, str]:
    """Return the command for a complaint from a sender without an account, and its number.

    The tracking number is derived from the key that the vault made for this complaint, so the
    same request sent again gets the same number. The number is not stored: the complaint's id is
    its digest.
    """
    secret = _secret(vault, made_for)
    letters = b32encode(hmac.digest(secret, b"tracking number", "sha256")).decode()
    letters = letters[:_TRACKING_LETTERS]
    tracking = "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))
    sealed = sealed_person(vault, made_for, name=name or _NAMELESS, contact=contact)
    command = ComplainPublicly(
        complaint=complaint_of(tracking),
        subject_unit=subject_unit,
        sealed=sealed,
        sealed_facts=seal(secret, sealed.person, ComplaintReceived.TOPIC, "facts", facts),
    )
    return command, tracking


def key_of_request(vault: Vault, key: str, body: bytes) -> str:
    """Return an idempotency key for a request from a sender without an account.

    All such senders are anonymous, so their key is unique only together with the body. The
    digest uses a key of the vault: a plain digest stays recorded for ever, and identity numbers
    and names could be tried against it.
    """
    secret = _secret(vault, "idempotency keys of those without an account")
    return hmac.digest(secret, f"{key}\n".encode() + body, "sha256").hex()


def complaint_of(tracking: str) -> str:
    """Return the id of a tracking number's complaint: a digest that does not reveal the number."""
    letters = "".join(c for c in tracking.upper() if c.isalnum())
    return f"WEB-{sha256(f'tracking number {letters}'.encode()).hexdigest()[:32]}"


def _secret(vault: Keys, made_for: str) -> bytes:
    secret = vault.mint(made_for).secret
    if secret is None:
        raise OutOfStep("http.data-sent-idempotency-key-erased")
    return secret


def _register(command: RegisterPerson, vault: Keys, made_for: str) -> Command:
    _refuse_sealed(command.sealed, "/sealed")
    if command.name is None:
        raise Malformed("http.name-person-must-be-given", pointer="/name")
    if command.id_number is not None:
        _check_number(command.id_number)
    sealed = sealed_person(
        vault,
        made_for,
        name=command.name,
        contact=command.contact,
        id_number=command.id_number,
    )
    return replace(command, name=None, contact=None, id_number=None, sealed=sealed)


def _represent(command: RecordLegalRepresentative, vault: Keys, made_for: str) -> Command:
    _refuse_sealed(command.sealed, "/sealed")
    if command.name is None:
        raise Malformed("http.name-person-must-be-given", pointer="/name")
    if command.id_number is not None and command.id_type == "01":
        _check_number(command.id_number)
    sealed = sealed_person(vault, made_for, name=command.name, id_number=command.id_number)
    return replace(command, name=None, id_number=None, sealed=sealed)


def _check_number(number: str) -> None:
    if not ric.is_valid(number):
        # The message leaves out the number: senders may store messages.
        raise Malformed("http.must-be-valid-citizen-identity-number", pointer="/id_number")


def _sign(command: SignOnSiteRecord, vault: Keys, made_for: str) -> Command:
    _refuse_sealed(command.signatory, "/signatory")
    if command.entity_signature is None:
        return command
    sealed = sealed_person(vault, made_for, name=command.entity_signature)
    return replace(command, entity_signature=None, signatory=sealed)


def _refuse_sealed(given: object, pointer: str) -> None:
    if given is not None:
        raise Malformed("http.must-be-left-out", pointer=pointer)


Sealer = Callable[[Any, Keys, str], Command]
Finisher = Callable[[Any, Vault, EvidenceFiles | None], object]

#: Commands with fields to seal before the ledger gets them.
SEALERS: dict[type[Command], Sealer] = {
    RegisterPerson: _register,
    SignOnSiteRecord: _sign,
    RecordLegalRepresentative: _represent,
}

#: Work to finish before the sender is told that the command is done.
FINISHERS: dict[type[Command], Finisher] = {
    ErasePerson: lambda recorder, vault, _: destroy_keys(recorder, vault),
    EraseCaseFiles: lambda _, __, evidence: evidence and evidence.erase(),
}
