"""Contexts: the sender of a command, its ids, and the digest by which a repeat is recognised."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from ledger.kernel.clock import uuid7
from ledger.kernel.commands import Command, Context
from ledger.kernel.events import Actor


def make_context(
    command: Command,
    actor: Actor,
    now: datetime,
    *,
    key: str | None = None,
    causation_id: UUID | None = None,
    correlation_id: UUID | None = None,
    audiences: frozenset[str] | None = None,
    remembered: bool = False,
) -> Context:
    """Return the context of a command. ``key`` is an idempotency key, unique for one sender.

    Without a key the command id is new, so the command can be recorded any number of times.
    """
    fresh = uuid7(now)
    if key is None:
        return Context(actor, fresh.hex, correlation_id or fresh, causation_id, audiences=audiences)
    return Context(
        actor,
        keyed_command_id(actor, key),
        correlation_id or fresh,
        causation_id,
        request_digest(command),
        audiences,
        remembered,
    )


def keyed_command_id(actor: Actor, key: str) -> str:
    """Return the command id that belongs to a sender's idempotency key."""
    return sha256(f"{actor.unit_id}|{actor.person_id}|{key}".encode()).hexdigest()[:32]


def request_digest(command: Command) -> str:
    """Return the first 32 hex digits of the SHA-256 over the command's name and fields."""
    fields = msgspec.json.encode(command, order="sorted")
    return sha256(type(command).__name__.encode() + b"\n" + fields).hexdigest()[:32]
