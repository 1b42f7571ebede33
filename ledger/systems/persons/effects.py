"""The registration of a person together with the event of a command of another system."""

from __future__ import annotations

from ledger.kernel import Malformed
from ledger.systems.persons.events import PersonRegistered, SealedPerson


def registered(
    sealed: SealedPerson, unit: str, *, withheld_from: tuple[str, ...] = ()
) -> PersonRegistered:
    """Return the event that registers a person with data that the service sealed for ``unit``.

    ``withheld_from``: the units that the person accuses and that must not know of the person.
    """
    return PersonRegistered(
        person=sealed.person,
        unit=unit,
        name=sealed.name,
        contact=sealed.contact,
        id_number=sealed.id_number,
        withheld_from=withheld_from,
    )


def refuse_clear(**fields: str | None) -> None:
    """Raise ``Malformed`` for unsealed personal data, which could never be erased from events."""
    for name, value in fields.items():
        if value is not None:
            raise Malformed(
                "persons.must-be-sealed-before-recorded",
                pointer=f"/{name}",
                name=name,
            )
