"""The table of steps, by area: what may come next, for whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ledger.kernel import Actor, Command
from tests.sequences.drafts import Draft

#: A step is sent by somebody of this role, or by whom a function of its draft names.
Sender = str | Callable[[Draft], Actor]

#: What ends much is drawn less often, and what much else waits for more often.
RARE, OFTEN = 0.1, 4.0


@dataclass(frozen=True)
class Step:
    """One kind of step: a command about a subject with a certain past.

    ``on``: the kind of subject that it continues; ``after`` and ``before``: what must and what
    must not have been recorded about that one, as names of events separated by blanks. ``new``: the
    kind of subject that it gives a name to. ``when``: a further condition. ``fields``: values, or
    functions of the draft; fields that are not given and not optional come from their types.
    ``weight``: how often it is drawn next to others.
    """

    name: str
    command: type[Command]
    on: str = ""
    after: str = ""
    before: str = ""
    new: str = ""
    sent_by: Sender | None = None
    when: Callable[[Draft], object] | None = None
    weight: float = 1.0
    fields: tuple[tuple[str, Any], ...] = ()


class Table:
    """Steps of one area, in the order in which they were added."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(
        self,
        command: type[Command],
        on: str = "",
        *,
        after: str = "",
        before: str = "",
        new: str = "",
        sent_by: Sender | None = None,
        when: Callable[[Draft], object] | None = None,
        weight: float = 1.0,
        label: str = "",
        **fields: Any,
    ) -> None:
        """Add a step. ``label`` tells it from another one with the same command."""
        name = f"{command.__module__.split('.')[2]}.{command.__name__}"
        self.steps.append(
            Step(
                name=f"{name} {label}".strip(),
                command=command,
                on=on,
                after=after,
                before=before,
                new=new,
                sent_by=sent_by,
                when=when,
                weight=weight,
                fields=tuple(fields.items()),
            )
        )
