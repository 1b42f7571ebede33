"""Where personal data is sealed: at the edge, before a command has an id, a digest or a queue.

What comes in clear goes no further than here. What follows from an erasure is done here too.
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
from ledger.vault.store import Vault

replace = msgspec.structs.replace


def sealed_person(
    vault: Vault,
    made_for: str,
    *,
    name: str,
    contact: str | None = None,
    id_number: str | None = None,
) -> SealedPerson:
    """A person's data under a new token and key; the same ones for the same command."""
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


#: What stands for somebody who left no name.
_NAMELESS = "未具名"

#: 100 random bits in letters and digits, in groups that people can read out.
_TRACKING_LETTERS, _GROUP = 20, 4


def public_complaint(
    vault: Vault,
    made_for: str,
    *,
    subject_unit: str,
    facts: str,
    name: str | None = None,
    contact: str | None = None,
) -> tuple[ComplainPublicly, str]:
    """The command for a complaint of somebody without an account, and its tracking number.

    The number comes from the key that the vault has made for this complaint, so that the same
    request sent again is told the same one. It is stored nowhere: the complaint's id is its digest.
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


def key_of_request(vault: Vault, key: str, said: bytes) -> str:
    """What stands for an idempotency key of somebody without an account, and for what they said.

    Everybody sends as nobody, so a key is its sender's own only together with the words. They are
    digested under a key of the vault: a plain digest, which is recorded for ever, could be tried
    out against numbers and names.
    """
    secret = _secret(vault, "idempotency keys of those without an account")
    return hmac.digest(secret, f"{key}\n".encode() + said, "sha256").hex()


def complaint_of(tracking: str) -> str:
    """The id of the complaint that a tracking number is of: a digest, which leads to no number."""
    letters = "".join(c for c in tracking.upper() if c.isalnum())
    return f"WEB-{sha256(f'tracking number {letters}'.encode()).hexdigest()[:32]}"


def _secret(vault: Vault, made_for: str) -> bytes:
    secret = vault.mint(made_for).secret
    if secret is None:
        raise OutOfStep("what this Idempotency-Key registered was erased; take a new key")
    return secret


def _register(command: RegisterPerson, vault: Vault, made_for: str) -> Command:
    _refuse_sealed(command.sealed, "/sealed")
    if command.name is None:
        raise Malformed("say who it is", "/name")
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


def _represent(command: RecordLegalRepresentative, vault: Vault, made_for: str) -> Command:
    _refuse_sealed(command.sealed, "/sealed")
    if command.name is None:
        raise Malformed("say who it is", "/name")
    if command.id_number is not None and command.id_type == "01":
        _check_number(command.id_number)
    sealed = sealed_person(vault, made_for, name=command.name, id_number=command.id_number)
    return replace(command, name=None, id_number=None, sealed=sealed)


def _check_number(number: str) -> None:
    if not ric.is_valid(number):
        # Without the number: the sender may write down what this says.
        raise Malformed("this is no citizen identity number (GB 11643)", "/id_number")


def _sign(command: SignOnSiteRecord, vault: Vault, made_for: str) -> Command:
    _refuse_sealed(command.signatory, "/signatory")
    if command.entity_signature is None:
        return command
    sealed = sealed_person(vault, made_for, name=command.entity_signature)
    return replace(command, entity_signature=None, signatory=sealed)


def _refuse_sealed(given: object, pointer: str) -> None:
    if given is not None:
        raise Malformed("this is sealed here and never sent", pointer)


Sealer = Callable[[Any, Vault, str], Command]
Finisher = Callable[[Any, Vault, EvidenceFiles | None], object]

#: Whose fields are sealed before they are handed in.
SEALERS: dict[type[Command], Sealer] = {
    RegisterPerson: _register,
    SignOnSiteRecord: _sign,
    RecordLegalRepresentative: _represent,
}

#: What has to be done before its sender is told that it is.
FINISHERS: dict[type[Command], Finisher] = {
    ErasePerson: lambda recorder, vault, _: destroy_keys(recorder, vault),
    EraseCaseFiles: lambda _, __, evidence: evidence and evidence.erase(),
}
