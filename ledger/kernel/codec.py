"""Records: the bytes of an event, as they are stored, hashed and handed out.

A record is one MessagePack map: the envelope's fields, sorted by name, then ``body``, whose fields
are sorted too. The same event gives the same bytes on every machine. What was stored is what is
hashed: nothing is ever re-encoded to be verified.

This is the only module that knows both msgspec (types) and msgpack (bytes); old bodies are carried
forward between the two, as plain maps.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgpack
import msgspec
from msgspec import inspect

from ledger.kernel.events import Envelope, Event, Recorded, event_type

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
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableRecord(f"position {position}: {error}") from error


def checked(position: int, data: bytes) -> tuple[Recorded, bool]:
    """The event stored in ``data``, and whether these are the bytes that it encodes to.

    Those of an older version are not compared: it would encode to the newest. Raises as ``decode``,
    and says the same in half the time; the envelope is for reading, and equals none but its like.
    """
    try:
        stored = _STORED.decode(data)
        reader = _reader(stored.type)
        if reader is not None and stored.schema_version == event_type(stored.type).VERSION:
            event = reader.decode(stored.body)
            fields = msgspec.to_builtins(stored, order="sorted", enc_hook=_nil)
            fields["body"] = fields.pop("body")  # it stands last
            if _HEAD.encode(fields)[:-1] + _BODY.encode(event) == data:
                return Recorded(position, stored, event), True
    except (ValueError, KeyError):
        pass  # the long way says what is wrong
    record = decode(position, data)
    envelope, event = record.envelope, record.event
    older = envelope.schema_version != event.VERSION
    return record, older or packed(envelope, event) == data


class _Stored(Envelope, omit_defaults=True):
    """A whole record."""

    body: msgspec.Raw


_STORED = msgspec.msgpack.Decoder(_Stored)
# Of text, whole numbers, maps and lists both libraries make the same bytes; this one is faster.
_HEAD = msgspec.msgpack.Encoder()
_BODY = msgspec.msgpack.Encoder(order="sorted")


def _nil(_raw: Any) -> None:
    """In the place of the body: one byte, which is cut off again."""


@cache
def _reader(topic: str) -> msgspec.msgpack.Decoder[Event] | None:
    """Reads bodies from their bytes, where msgspec writes them as msgpack does; else ``None``."""
    cls = event_type(topic)
    return msgspec.msgpack.Decoder(cls) if _alike(inspect.type_info(cls)) else None


def _alike(info: inspect.Type) -> bool:
    """Whether both libraries have the same bytes for a type; of moments they have others."""
    if isinstance(info, inspect.Metadata):
        return _alike(info.type)
    if isinstance(info, inspect.UnionType):
        return all(map(_alike, info.types))
    if isinstance(info, inspect.VarTupleType):
        return _alike(info.item_type)
    if isinstance(info, inspect.StructType):
        return all(_alike(field.type) for field in info.fields)
    return isinstance(
        info,
        inspect.StrType | inspect.IntType | inspect.BoolType | inspect.NoneType
        | inspect.LiteralType | inspect.DateType | inspect.UUIDType,
    )  # fmt: skip


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
