"""Records: the bytes of an event, as they are stored, hashed and handed out.

A record is one MessagePack map: the envelope's fields, sorted by name, then ``body``, whose fields
are sorted too. The same event gives the same bytes on every machine. What was stored is what is
hashed: nothing is ever re-encoded to be verified.

This is the only module that knows both msgspec (types) and msgpack (bytes); old bodies are carried
forward between the two, as plain maps.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import msgpack
import msgspec
from msgspec import inspect

from ledger.kernel.events import Envelope, Event, Moment, Provenance, Recorded, Value, event_type

#: An event has to fit a log entry of at most 65,535 bytes with room to spare.
MAX_RECORD_BYTES = 60_000


class RecordTooLarge(ValueError):
    """The record would not fit; large content belongs beside the ledger, its digest inside."""


class UnreadableRecord(ValueError):
    """Stored bytes that this program cannot turn back into an event."""


def encode(envelope: Envelope, event: Event) -> bytes:
    """The record of an event.

    Raises ``RecordTooLarge`` above ``MAX_RECORD_BYTES``, and ``UnreadableRecord`` for an event
    that could not be read back: once stored it would stand in the way of every reader for ever.
    """
    body = _body(event)
    again = _readable(body, type(event))
    if _has_defaults(type(event)):
        # msgspec leaves a default out where it is the very same object, and reads one of a fixed
        # set of words as that object. An equal one from elsewhere, as out of a policy, would stand
        # in the bytes, and be missing when the record is read and encoded again.
        body = _body(again)
    data = _packed(envelope, body)
    if len(data) > MAX_RECORD_BYTES:
        raise RecordTooLarge(
            f"{type(event).__name__} would take {len(data)} bytes; at most {MAX_RECORD_BYTES} "
            "are allowed. Put long content into a blob and its digest into the event."
        )
    if envelope.occurred_at.tzinfo is None:
        raise UnreadableRecord(f"{type(event).__name__}: occurred_at names no offset")
    return data


def packed(envelope: Envelope, event: Event) -> bytes:
    """The bytes alone: what ``encode`` gives for an event that was recorded once already."""
    return _packed(envelope, _body(event))


def _packed(envelope: Envelope, body: dict[str, Any]) -> bytes:
    fields = msgspec.to_builtins(envelope, order="sorted")
    fields["body"] = body
    data: bytes = msgpack.packb(fields, use_bin_type=True)
    return data


def _body(event: Event) -> dict[str, Any]:
    # Keys of maps are text in the bytes, whatever they are in Python: readers refuse others.
    body: dict[str, Any] = msgspec.to_builtins(event, order="sorted", str_keys=True)
    return body


@cache
def _has_defaults(cls: type[Event]) -> bool:
    """Whether a field of an event is a word by default."""
    return any(isinstance(field.default, str) for field in msgspec.structs.fields(cls))


def _readable(body: dict[str, Any], cls: type[Event]) -> Event:
    """What a body is read as. Refuses one that ``decode`` would, but for the envelope's part."""
    try:
        event_type(cls.TOPIC)
        return msgspec.convert(body, cls, str_keys=True)
    except KeyError:
        raise UnreadableRecord(f"{cls.__name__}: {cls.TOPIC} is no registered topic") from None
    except (ValueError, TypeError) as error:
        raise UnreadableRecord(f"{cls.__name__}: {error}") from error


def decode(position: int, data: bytes) -> Recorded:
    """The event stored in ``data``. Raises ``UnreadableRecord`` naming the position and cause."""
    try:
        fields: dict[str, Any] = msgpack.unpackb(data)
        body = fields.pop("body")
        envelope = msgspec.convert(fields, Envelope)
        return Recorded(position, envelope, _event(envelope.type, envelope.schema_version, body))
    except KeyError as error:
        raise UnreadableRecord(
            f"position {position}: unknown event type or field {error}"
        ) from error
    except _HOSTILE as error:
        raise UnreadableRecord(f"position {position}: {error}") from error


#: What bytes can bring about that somebody made up, here and in the libraries: of another kind
#: than they should be, nested without end, beyond what numbers and moments can say.
_HOSTILE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def checked(position: int, data: bytes) -> tuple[Any, Event, datetime, bool]:
    """Envelope and event stored in ``data``, when recorded, and whether they give these bytes.

    Those of an older version are not compared: it would encode to the newest. Raises as ``decode``,
    and says the same in a third of the time; of the envelope all may be read but its moments.
    """
    try:
        envelope = _WORDED.decode(data)
        # As it would be written, with the body for one field more in the map.
        head = _encode(envelope)
        body = data[len(head) + len(_BODY) :]
        at, reader = _moments(envelope), _reader(envelope.type)
        if (
            at is not None
            and reader is not None
            and reader.version == envelope.schema_version
            and data[0] == head[0] + 1
            and data.startswith(head[1:] + _BODY, 1)
            and _encode(event := reader.decode(body)) == body
        ):
            return envelope, event, at, True
    except _HOSTILE:
        pass  # the long way says what is wrong
    record = decode(position, data)
    older = record.envelope.schema_version != record.event.VERSION
    same = older or _gives(record, data)
    return record.envelope, record.event, record.envelope.recorded_at, same


def _gives(record: Recorded, data: bytes) -> bool:
    try:
        return packed(record.envelope, record.event) == data
    except _HOSTILE:
        return False  # a field of any type may hold what this program reads and never writes


def _worded(cls: type[Value], **other: Any) -> Any:
    """A struct like ``cls`` whose moments are text; msgspec would write these as another kind."""
    fields = []
    for field in msgspec.structs.fields(cls):
        kind = other.get(field.name, str if field.type == Moment else field.type)
        default: Any = {"default": field.default, "default_factory": field.default_factory}
        fields.append((field.name, kind, msgspec.field(**default)))
    omit = cls.__struct_config__.omit_defaults
    return msgspec.defstruct(
        f"Worded{cls.__name__}", fields, kw_only=True, omit_defaults=omit, gc=False
    )


_WORDED: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
    _worded(Envelope, provenance=_worded(Provenance, known_at=str | None) | None)
)
# Of text, whole numbers, maps and lists both libraries make the same bytes; this one is faster.
_encode = msgspec.msgpack.Encoder(order="sorted").encode
_BODY = msgpack.packb("body")


def _moments(envelope: Any) -> datetime | None:
    """``recorded_at``; ``None`` if any moment is not written as ``encode`` writes it."""
    known = envelope.provenance and envelope.provenance.known_at
    if _moment(envelope.occurred_at) is None:
        return None
    if known is not None and _moment(known) is None:
        return None
    return _moment(envelope.recorded_at)


@lru_cache(4096)
def _moment(text: str) -> datetime | None:
    """A moment that is written as ``encode`` writes it; ``None`` for any other."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo and msgspec.to_builtins(moment) == text else None


class _Reader(msgspec.Struct, frozen=True):
    """Reads bodies of the newest version of a type."""

    version: int
    decode: Callable[[bytes], Event]


@cache
def _reader(topic: str) -> _Reader | None:
    """Reads bodies from their bytes, where msgspec writes them as msgpack does; else ``None``."""
    cls = event_type(topic)
    if not _alike(inspect.type_info(cls)):
        return None
    return _Reader(cls.VERSION, msgspec.msgpack.Decoder(cls).decode)


def _alike(info: inspect.Type) -> bool:
    """Whether both libraries have the same bytes for a type; of moments they have others."""
    match info:
        case inspect.Metadata():
            return _alike(info.type)
        case inspect.UnionType():
            return all(map(_alike, info.types))
        case inspect.VarTupleType():
            return _alike(info.item_type)
        case inspect.DictType():
            # Keys that are no text become text in the bytes.
            return isinstance(info.key_type, inspect.StrType) and _alike(info.value_type)
        case inspect.StructType():
            return all(_alike(field.type) for field in info.fields)
    return isinstance(
        info,
        inspect.StrType | inspect.IntType | inspect.BoolType | inspect.NoneType
        | inspect.LiteralType | inspect.DateType | inspect.UUIDType,
    )  # fmt: skip


def recorded_at(data: bytes) -> datetime | None:
    """When a record was recorded, whatever else of it can be read; ``None`` if not even that."""
    try:
        return msgspec.convert(msgpack.unpackb(data)["recorded_at"], Moment)
    except _HOSTILE:
        return None


def plain(data: bytes) -> dict[str, Any]:
    """A stored record as the map it is, for showing it unchanged."""
    fields: dict[str, Any] = msgpack.unpackb(data)
    return fields


def _event(topic: str, version: int, body: dict[str, Any]) -> Event:
    cls = event_type(topic)
    if version > cls.VERSION:
        raise ValueError(
            f"{topic} has schema version {version}; this program knows up to {cls.VERSION}. "
            "Upgrade it before opening this ledger."
        )
    for step in range(version, cls.VERSION):
        body = cls.UPCASTERS[step](body)
    return msgspec.convert(body, cls, str_keys=True)
