"""Which events name pieces that lie beside the ledger, by digest (``ledger.stores.blobs``)."""

from __future__ import annotations

from functools import cache

from msgspec import inspect

import ledger.registry  # noqa: F401 - declares every event type
from ledger.kernel import Event
from ledger.kernel.events import event_types


@cache
def naming() -> dict[str, tuple[str, ...]]:
    """The fields that name pieces, by the type of event that has them."""
    found = {
        topic: tuple(
            field.name
            for field in inspect.type_info(cls).fields  # type: ignore[attr-defined]
            if isinstance(field.type, inspect.Metadata) and (field.type.extra or {}).get("blob")
        )
        for topic, cls in event_types().items()
    }
    return {topic: fields for topic, fields in found.items() if fields}


def blobs_of(event: Event) -> set[str]:
    """The digests that an event names."""
    return {getattr(event, field) for field in naming().get(event.TOPIC, ())}
