"""The codec: turns an event into the bytes that are stored and hashed, and back.

A record is one MessagePack map: the envelope's fields, sorted by name, then ``body``, whose fields
are sorted too. The same event gives the same bytes on every machine. Hashes are made over the
stored bytes; no event is encoded again to verify its hash.

Only this module uses both msgspec (types) and msgpack (bytes). It upgrades the bodies of older
versions between the two, as plain maps.
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
from ledger.kernel.messages import InvalidValue

#: A log entry holds at most 65,535 bytes; an event must fit with room to spare.
MAX_RECORD_BYTES = 60_000


class RecordTooLarge(InvalidValue):
    """The record is too large. Put large content into a blob and its digest into the event."""


class UnreadableRecord(ValueError):
    """Stored bytes that this program cannot turn back into an event."""


def encode(envelope: Envelope, event: Event) -> bytes:
    """Return the bytes of an event's record.

    Raises ``RecordTooLarge`` above ``MAX_RECORD_BYTES``, and ``UnreadableRecord`` for an event
    that could not be decoded again: once stored, it would stop every reader for ever.
    """
    body = _body(event)
    again = _readable(body, type(event))
    if _has_defaults(type(event)):
        # msgspec leaves out a default value only if the value is the same object as the default.
        # An equal word that comes from elsewhere, such as a policy, would be written now, but left
        # out when the record is decoded and encoded again. So encode the decoded event.
        body = _body(again)
    data = _packed(envelope, body)
    if len(data) > MAX_RECORD_BYTES:
        raise RecordTooLarge(
            "kernel.record-too-large",
            type=type(event).__name__,
            bytes=len(data),
            most=MAX_RECORD_BYTES,
        )
    if envelope.occurred_at.tzinfo is None:
        raise UnreadableRecord(f"{type(event).__name__}: occurred_at names no offset")
    return data


def packed(envelope: Envelope, event: Event) -> bytes:
    """Return the bytes that ``encode`` gives, without its checks; for events recorded before."""
    return _packed(envelope, _body(event))


def _packed(envelope: Envelope, body: dict[str, Any]) -> bytes:
    fields = msgspec.to_builtins(envelope, order="sorted")
    fields["body"] = body
    data: bytes = msgpack.packb(fields, use_bin_type=True)
    return data


def _body(event: Event) -> dict[str, Any]:
    # The keys of maps become text in the bytes, because readers refuse other keys.
    body: dict[str, Any] = msgspec.to_builtins(event, order="sorted", str_keys=True)
    return body


@cache
def _has_defaults(cls: type[Event]) -> bool:
    """Whether a field of an event class has a text as its default."""
    return any(isinstance(field.default, str) for field in msgspec.structs.fields(cls))


def _readable(body: dict[str, Any], cls: type[Event]) -> Event:
    """Return the event that ``decode`` will make of a body. Raises ``UnreadableRecord`` if none."""
    try:
        event_type(cls.TOPIC)
        return msgspec.convert(body, cls, str_keys=True)
    except KeyError:
        raise UnreadableRecord(f"{cls.__name__}: topic {cls.TOPIC} is not registered") from None
    except (ValueError, TypeError) as error:
        raise UnreadableRecord(f"{cls.__name__}: {error}") from error


def decode(position: int, data: bytes) -> Recorded:
    """Return the event stored in ``data``.

    Raises ``UnreadableRecord``, which names the position and the cause.
    """
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


#: What this module and its libraries can raise for forged bytes: values of the wrong type, nested
#: too deep, or outside the range of numbers and dates.
_HOSTILE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def checked(position: int, data: bytes) -> tuple[Any, Event, datetime, bool]:
    """Return the envelope, the event, the recording time, and whether they encode to ``data``.

    The last is true without a comparison for an older schema version, which would encode to the
    newest. Raises what ``decode`` raises, and takes a third of its time. Do not read the times of
    the returned envelope: they may be text.
    """
    try:
        envelope = _WORDED.decode(data)
        # The map of the record is this map with one more field, the body.
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
        pass  # `decode` below names the fault
    record = decode(position, data)
    older = record.envelope.schema_version != record.event.VERSION
    same = older or _gives(record, data)
    return record.envelope, record.event, record.envelope.recorded_at, same


def _gives(record: Recorded, data: bytes) -> bool:
    try:
        return packed(record.envelope, record.event) == data
    except _HOSTILE:
        return False  # a field of type Any may hold a value that can be read and not written


def _worded(cls: type[Value], **other: Any) -> Any:
    """Return a struct like ``cls`` with times as text: msgspec writes times in another format."""
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
# Both libraries make the same bytes of text, whole numbers, maps and lists; msgspec is faster.
_encode = msgspec.msgpack.Encoder(order="sorted").encode
_BODY = msgpack.packb("body")


def _moments(envelope: Any) -> datetime | None:
    """Return ``recorded_at``; ``None`` if any time is not written as ``encode`` writes it."""
    known = envelope.provenance and envelope.provenance.known_at
    if _moment(envelope.occurred_at) is None:
        return None
    if known is not None and _moment(known) is None:
        return None
    return _moment(envelope.recorded_at)


@lru_cache(4096)
def _moment(text: str) -> datetime | None:
    """Return the time that ``text`` names; ``None`` if ``encode`` would write it differently."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo and msgspec.to_builtins(moment) == text else None


class _Reader(msgspec.Struct, frozen=True):
    """Reads bodies of the newest version of a type."""

    version: int
    decode: Callable[[bytes], Event]


@cache
def _reader(topic: str) -> _Reader | None:
    """Return a reader for bodies that both libraries write alike; ``None`` for other types."""
    cls = event_type(topic)
    if not _alike(inspect.type_info(cls)):
        return None
    return _Reader(cls.VERSION, msgspec.msgpack.Decoder(cls).decode)


def _alike(info: inspect.Type) -> bool:
    """Whether both libraries write the same bytes for a type; for times they do not."""
    match info:
        case inspect.Metadata():
            return _alike(info.type)
        case inspect.UnionType():
            return all(map(_alike, info.types))
        case inspect.VarTupleType():
            return _alike(info.item_type)
        case inspect.DictType():
            # Keys that are not text become text in the bytes, so the bytes differ.
            return isinstance(info.key_type, inspect.StrType) and _alike(info.value_type)
        case inspect.StructType():
            return all(_alike(field.type) for field in info.fields)
    return isinstance(
        info,
        inspect.StrType | inspect.IntType | inspect.BoolType | inspect.NoneType
        | inspect.LiteralType | inspect.DateType | inspect.UUIDType,
    )  # fmt: skip


def recorded_at(data: bytes) -> datetime | None:
    """Return a record's recording time, even if the rest is unreadable; ``None`` if it is not."""
    try:
        return msgspec.convert(msgpack.unpackb(data)["recorded_at"], Moment)
    except _HOSTILE:
        return None


def plain(data: bytes) -> dict[str, Any]:
    """Return a stored record as a plain map, to show it unchanged."""
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
