"""A rotation that dies: ``python -m tests.transparency.dying_rotation FOLDER STEP``.

It runs ``supervision-ledger log rotate-key`` and kills itself when STEP has been done.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from api.cli.command_line import main
from ledger.transparency import keys, rotation
from ledger.transparency.store import SignedStore

#: Where it dies, in the order in which that comes.
STEPS = ("drafted", "made", "announced", "covered", "taken over", "renamed", "nowhere")


def dying(before: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A function that does what another one did, and is killed then."""

    def function(*parameters: Any, **named: Any) -> None:
        if before is not None:
            before(*parameters, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return function


def arm(step: str) -> None:
    """Have this process die at a step."""
    match step:
        case "drafted":
            os.link = dying()  # type: ignore[assignment]
        case "made":
            rotation.following_key = dying(rotation.following_key)
        case "announced":
            rotation.announce = dying(rotation.announce)
        case "covered":
            SignedStore.hand_over = dying()  # type: ignore[method-assign]
        case "taken over":
            rotation.take_over = dying(rotation.take_over)
        case "renamed":
            replace = keys.Path.replace

            def renamed(self: keys.Path, target: keys.Path) -> None:
                (dying(replace) if self.name.endswith(".next") else replace)(self, target)

            keys.Path.replace = renamed  # type: ignore[assignment,method-assign]
        case "nowhere":
            pass
        case _:
            raise ValueError(step)


if __name__ == "__main__":
    arm(sys.argv[2])
    main(["log", "rotate-key", "--ledger", f"sqlite:///{sys.argv[1]}/ledger.db", "--json"])
