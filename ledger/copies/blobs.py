"""Find the blobs that events name by digest (``ledger.stores.blobs``)."""

from __future__ import annotations

from functools import cache

from msgspec import inspect

import ledger.registry  # noqa: F401 - declares every event type
from ledger.kernel import Event
from ledger.kernel.events import event_types


@cache
def naming() -> dict[str, tuple[str, ...]]:
    """Return the fields that name blobs, by the topic of their event."""
    fields_of = {
        topic: tuple(
            field.name
            for field in inspect.type_info(cls).fields  # type: ignore[attr-defined]
            if isinstance(field.type, inspect.Metadata) and (field.type.extra or {}).get("blob")
        )
        for topic, cls in event_types().items()
    }
    return {topic: fields for topic, fields in fields_of.items() if fields}


def blobs_of(event: Event) -> set[str]:
    """Return the digests of the blobs that an event names."""
    return {getattr(event, field) for field in naming().get(event.TOPIC, ())}
