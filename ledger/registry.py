"""The composition root of the ledger: which commands there are, who may send them, what opens one.

This is the only module that knows every system's commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from ledger.kernel import Command
from ledger.vocabulary import Role


class Entry(msgspec.Struct, frozen=True):
    """One command of the table: its system, its type, the roles that may send it."""

    system: str
    command: type[Command]
    roles: frozenset[Role]

    @property
    def name(self) -> str:
        """``approve-task`` for ``ApproveTask``: the last part of its URL."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.command.__name__).lower()


def _system(name: str, *rows: tuple[type[Command], Iterable[Role]]) -> tuple[Entry, ...]:
    return tuple(Entry(name, command, frozenset(roles)) for command, roles in rows)


COMMANDS: tuple[Entry, ...] = ()
