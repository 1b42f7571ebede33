"""The registry: finds every command that clients may send, in the systems themselves.

A system is a package in ``ledger.systems`` with a module or package ``commands``. Each command
there that names its ``ROLES`` can be sent, to a URL made of the names of the system and the
command. Importing this module declares every event type, deadline and rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import cast

import msgspec

# Nobody sends imports, accesses, or what happens to the log itself, but their events are read.
import ledger.access.events
import ledger.intake.events
import ledger.transparency.events  # noqa: F401 - stands for all three
from ledger import systems
from ledger.general.vocabulary import Role
from ledger.kernel import Command


class Entry(msgspec.Struct, frozen=True):
    """One command that is sent: its system and its type."""

    system: str
    command: type[Command]

    @property
    def name(self) -> str:
        """``approve-task`` for ``ApproveTask``: the last part of its URL."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.command.__name__).lower()

    @property
    def roles(self) -> frozenset[Role]:
        """Who may send it."""
        return cast("frozenset[Role]", self.command.ROLES)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    """The modules ``commands`` of all systems, by name; of a package, each of its modules."""
    for system in iter_modules(package.__path__, f"{package.__name__}."):
        inside = [f"{path}/{system.name.rpartition('.')[2]}" for path in package.__path__]
        if any(found.name == "commands" for found in iter_modules(inside)):
            module = import_module(f"{system.name}.commands")
            yield module
            for part in iter_modules(getattr(module, "__path__", ()), f"{module.__name__}."):
                yield import_module(part.name)


def _entries(module: ModuleType) -> Iterator[Entry]:
    """What a module sends, in the order in which it defines it."""
    system = module.__name__.partition(".commands")[0].rpartition(".")[2]
    for thing in vars(module).values():
        if not (isinstance(thing, type) and issubclass(thing, Command) and thing.ROLES):
            continue
        if thing.__module__ == module.__name__:
            yield Entry(system, thing)


#: All commands, ordered by system and, within a system, by module.
COMMANDS: tuple[Entry, ...] = tuple(
    entry for module in _modules(systems) for entry in _entries(module)
)
