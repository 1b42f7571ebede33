"""Two processes on one ledger file that send a command each at the same moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from ledger.kernel import Actor, Command, Ledger, NotRecorded, Refusal
from ledger.stores.sqlite import SQLiteRecorder

SPAWN = multiprocessing.get_context("spawn")

#: What a racer sends in a round, and as whom. It is called in the racer's own process.
Move = Callable[[str, int], tuple[Command, Actor]]


#: The two, where it does not matter who is who.
RACERS = ("red", "blue")


def race_through(
    path: Path,
    commands: Sequence[tuple[Command, Actor]],
    *,
    moment: str,
    before: Callable[[Ledger], object],
) -> list[str]:
    """Send all commands, two at a time and each of the two by another process; the answers.

    ``before`` is done first, by a ledger that is closed again.
    """
    now = datetime.fromisoformat(moment)
    with SQLiteRecorder(path) as recorder, Ledger(recorder, clock=lambda: now) as ledger:
        before(ledger)
    hands = {name: tuple(commands[number::2]) for number, name in enumerate(RACERS)}
    rounds = race(path, RACERS, len(commands) // 2, partial(_next, hands), moment)
    return [answer for answers in rounds for answer in answers.values()]


def _next(
    hands: dict[str, tuple[tuple[Command, Actor], ...]], name: str, number: int
) -> tuple[Command, Actor]:
    return hands[name][number]


def race(
    path: Path, racers: Sequence[str], rounds: int, move: Move, moment: str
) -> list[dict[str, str]]:
    """For each round, what each racer was answered: ``recorded``, a rule id, or an error's name.

    Every racer is a process of its own with its own connections to the file at ``path``; ``move``
    is a module's function, so that each can import it. The ledger's clock stands at ``moment``.
    """
    pipes, processes = {}, []
    for name in racers:
        ours, theirs = SPAWN.Pipe()
        processes.append(
            SPAWN.Process(target=_run, args=(path, name, rounds, move, moment, theirs))
        )
        pipes[name] = ours
        processes[-1].start()
    try:
        assert [pipe.recv() for pipe in pipes.values()] == ["ready"] * len(pipes)
        answers = []
        for number in range(rounds):
            # Whoever is told first has a head start; they take turns.
            order = list(pipes) if number % 2 else list(reversed(pipes))
            for name in order:
                pipes[name].send("go")
            answers.append({name: str(pipes[name].recv()) for name in racers})
    finally:
        for process in processes:
            process.join(timeout=120)
            process.kill()
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return answers


def _run(path: Path, name: str, rounds: int, move: Move, moment: str, pipe: Connection) -> None:
    now = datetime.fromisoformat(moment)
    with SQLiteRecorder(path) as recorder, Ledger(recorder, clock=lambda: now) as ledger:
        pipe.send("ready")
        for number in range(rounds):
            command, actor = move(name, number)
            pipe.recv()
            try:
                ledger.execute(command, actor)
                answer = "recorded"
            except Refusal as refusal:
                answer = refusal.rule.id
            except NotRecorded as error:
                answer = type(error).__name__
            pipe.send(answer)
