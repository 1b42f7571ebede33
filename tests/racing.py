"""Two processes at one ledger file: each with a store and a sequencer of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from ledger.kernel import Actor, Command, Ledger, Outcome
from ledger.stores.sqlite import SQLiteRecorder

#: Nothing here takes longer, unless it hangs.
SECONDS = 60


def race(
    path: Path,
    commands: Sequence[tuple[Command, Actor]],
    *,
    now: datetime,
    before: Callable[[Ledger], object] = lambda ledger: None,
) -> list[Outcome | BaseException]:
    """Send the commands all at once, every other to the second ledger; the answers in order.

    ``before`` is done first, by a ledger that is closed again.
    """
    with SQLiteRecorder(path) as store, Ledger(store, clock=lambda: now) as ledger:
        before(ledger)
    start = threading.Barrier(len(commands))

    def run(ledger: Ledger, command: Command, actor: Actor) -> Outcome:
        start.wait(SECONDS)
        return ledger.execute(command, actor)

    with ExitStack() as stack:
        stores = [stack.enter_context(SQLiteRecorder(path)) for _ in range(2)]
        ledgers = [stack.enter_context(Ledger(store, clock=lambda: now)) for store in stores]
        with ThreadPoolExecutor(len(commands)) as pool:
            futures = [
                pool.submit(run, ledgers[number % 2], *each) for number, each in enumerate(commands)
            ]
            return [future.exception(SECONDS) or future.result() for future in futures]
