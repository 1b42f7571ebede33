"""What registers a person beside what a command of another system records."""

from __future__ import annotations

from ledger.kernel import Malformed
from ledger.systems.persons.events import PersonRegistered, SealedPerson


def registered(
    sealed: SealedPerson, unit: str, *, withheld_from: tuple[str, ...] = ()
) -> PersonRegistered:
    """The event for data that the service has sealed for ``unit``.

    ``withheld_from``: the units that the person accuses, and that may not know of the person.
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
    """Refuse personal data that was handed in without being sealed: it would stand for ever."""
    for name, value in fields.items():
        if value is not None:
            raise Malformed(f"{name} was not sealed; send it to the service", f"/{name}")
