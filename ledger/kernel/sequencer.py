"""The sequencer: it takes commands from many threads, decides them in turn, and commits in batches.

It handles a batch in four steps. A comment with the same number marks each step in the code and
says what a crash there leaves.

1. Drain: take the waiting commands from the queue.
2. Follow and decide: follow what other processes appended, then decide each command in turn. Each
   command sees what the earlier ones of the batch decided. A refusal does not affect the others.
3. Append: store all events in one transaction, on the condition that no other process has appended
   an event that the commands' folds would read. If one has, decide the whole batch again.
4. Answer: give each sender the outcome of its command.

A store that fails in step 3 may have committed first. The sequencer then looks in the ledger for
each command of the batch and answers with what it finds recorded. If it cannot read the ledger, or
the store may still be committing, it answers ``OutcomeUnknown`` and never claims that nothing was
recorded.

If the sequencer's thread ends or a step takes longer than ``STEP_SECONDS``, the sequencer has
failed for good and reports it (``Ledger.worker``). It then answers the batch in hand with
``OutcomeUnknown`` and the waiting commands with ``Unavailable``, and takes no more commands. So no
sender waits for ever.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBRecorder
from eventsourcing.persistence import IntegrityError, PersistenceError
from msgspec.structs import replace

from ledger.kernel import codec
from ledger.kernel.ahead import read_ahead
from ledger.kernel.clock import Clock, system_clock
from ledger.kernel.commands import Command, Context
from ledger.kernel.contexts import make_context
from ledger.kernel.events import Actor, Event, Fact, Recorded, civil_date
from ledger.kernel.folds import Fold, Selector
from ledger.kernel.inquiry import Inquiry
from ledger.kernel.memory import Audiences, Boundary, Memory, recorded_at
from ledger.kernel.messages import message
from ledger.kernel.questions import Past
from ledger.kernel.records import Outcome, make_records, moved
from ledger.kernel.rules import KeyReused, Malformed, NotRecorded, OutcomeUnknown, Unavailable
from ledger.kernel.store import Answered, StillCommitting, as_store
from ledger.kernel.subjects import subject
from ledger.kernel.threads import Worker

log = structlog.get_logger("ledger.sequencer")

#: Commands decided and committed together at most. A few hundred share one disk flush; more only
#: delays the first answer.
MAX_BATCH = 256

#: Commands that may wait before further ones are turned away with ``Unavailable``.
MAX_WAITING = 10_000

#: For how many seconds a command may be expected to wait; further ones are turned away. So those
#: that are taken are answered within about this time, however many are sent.
MAX_WAIT_SECONDS = 5.0

#: How many times a batch is decided when other processes keep appending events that it reads.
MAX_ATTEMPTS = 50

#: How long the sequencer may take for one batch. A store that is locked gives up much earlier.
STEP_SECONDS = 60.0

#: For how many seconds it may be held up before it counts as unhealthy.
HELD_UP_SECONDS = 5.0

#: After how many seconds without a command it checks whether the store could be written.
TRY_SECONDS = 5.0

#: How many seconds ``_give_up`` waits for the lock of the queue, which is held only for moments.
LOCK_SECONDS = 1.0

CommandId = Annotated[str, subject("command", hideable=False)]

#: Called with the facts that a command decided; returns further events to record with them.
Hook = Callable[[Inquiry, list[Fact]], Iterable[Event]]


class CommandRecorded(Fold):
    """Where are the events of this command id, if it was recorded before?"""

    command_id: CommandId
    first: Recorded | None = None

    def selector(self) -> Selector:
        """Select every topic: a command's first event carries its tag, whatever its type."""
        return Selector((), (f"command:{self.command_id}",))

    def take(self, record: Recorded) -> None:
        if self.first is None:
            self.first = record


class Statistics(msgspec.Struct):
    """Counters of one sequencer, for the metrics page."""

    batches: int = 0
    commands: int = 0
    refused: int = 0
    events: int = 0
    retries: int = 0
    commit_seconds: float = 0.0
    largest_batch: int = 0


#: Receives the result of a command: its outcome, or the exception that it raised.
Answer = Callable[[Outcome | BaseException], None]


class _Waiting(msgspec.Struct, frozen=True):
    command: Command
    context: Context
    answer: Answer


_FAILED = message("kernel.ledger-failed")
_UNKNOWN = message("kernel.outcome-unknown")


class Ledger:
    """The ledger of one store. It takes commands; only it appends to the store in this process.

    ``shown``: the same store as its readers may see it, if they may not see all of it yet.
    ``clock`` gives the recording time. Each of ``hooks`` is called after every decision and may
    return further events. ``audiences`` names the audiences that know of an event: a command whose
    context has audiences is decided as if subjects that none of them knows did not exist. Without
    it every sender knows everything. Safe for threads. ``close`` decides the waiting commands and
    stops.
    """

    def __init__(
        self,
        recorder: DCBRecorder,
        *,
        shown: DCBRecorder | None = None,
        clock: Clock = system_clock,
        hooks: Iterable[Hook] = (),
        audiences: Audiences | None = None,
    ) -> None:
        self.recorder = recorder if shown is None else shown
        self.clock = clock
        self.statistics = Statistics()
        self._hooks = tuple(hooks)
        self._store = as_store(recorder)
        self._memory = Memory(self._store, audiences)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = False
        #: The commands of the current batch that recorded nothing, by command id.
        self._answered: dict[str, Answered] = {}
        # If the clock is set back, a later position must not get an earlier recording time. So
        # ``_now`` is never earlier than the recording time of the event at ``_dated``, which this
        # process or another one appended.
        self._now = datetime.min.replace(tzinfo=UTC)
        self._dated = 0
        self._closing = threading.Lock()
        #: When the current batch began, and since when the store has refused batches (monotonic).
        self._began: float | None = None
        self._refused_since: float | None = None
        #: Whether the store may already hold events of the current batch.
        self._appending = False
        #: How long a command of a large batch took recently, in seconds.
        self._pace = 0.0
        #: The batch that is being decided and not yet answered; guarded by ``_closing``.
        self._deciding: list[_Waiting] = []
        #: The sequencer's thread, for the supervisor of the process.
        self.worker = Worker("sequencer", self._run, limit=STEP_SECONDS)
        self.worker.on_failure.append(self._give_up)
        self.worker.start()

    def submit(self, command: Command, context: Context) -> Future[Outcome]:
        """Hand in a command; the future gives its ``Outcome`` or raises a ``NotRecorded``.

        The future cannot be cancelled: a command that was handed in is decided.
        """
        future: Future[Outcome] = Future()
        future.set_running_or_notify_cancel()

        def answer(result: Outcome | BaseException) -> None:
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

        self.hand_in(command, context, answer)
        return future

    def hand_in(self, command: Command, context: Context, answer: Answer) -> None:
        """Hand in a command; the sequencer's thread calls ``answer`` once, after the commit.

        ``answer`` must be quick. Raises ``Unavailable`` if the command is not taken.
        """
        with self._closing:
            if self.worker.failure is not None:
                raise Unavailable(_FAILED)
            if self._closed:
                raise Unavailable("kernel.ledger-shutting-down")
            if self._queue.qsize() >= MAX_WAITING:
                raise Unavailable("kernel.commands-waiting", max_waiting=MAX_WAITING)
            if self._expected_wait() > MAX_WAIT_SECONDS:
                raise Unavailable("kernel.commands-wait-too-long", seconds=int(MAX_WAIT_SECONDS))
            self._queue.put(_Waiting(command, context, answer))

    def execute(
        self,
        command: Command,
        actor: Actor,
        *,
        key: str | None = None,
        causation_id: UUID | None = None,
        correlation_id: UUID | None = None,
    ) -> Outcome:
        """Hand in a command and wait for its outcome."""
        context = make_context(
            command,
            actor,
            self.clock(),
            key=key,
            causation_id=causation_id,
            correlation_id=correlation_id,
        )
        return self.submit(command, context).result()

    @property
    def waiting(self) -> int:
        """Return how many commands wait to be decided."""
        return self._queue.qsize()

    def _expected_wait(self) -> float:
        """Return for how many seconds a command that is handed in now would wait, about.

        A store that hangs shows in the age of the batch in hand. Without one nothing waits, so that
        a ledger that was slow once takes commands again.
        """
        began = self._began
        elapsed = 0.0 if began is None else time.monotonic() - began
        return elapsed + self._queue.qsize() * self._pace

    def held_up(self) -> float:
        """Return for how many seconds nothing could be recorded: 0 while all is well.

        If the store refused the last batch or the last check, ask it whether it could be written
        now. Otherwise only the next command would find out.
        """
        refused, began = self._refused_since, self._began
        if refused is not None and began is None and self._store.writable():
            self._refused_since = refused = None
        since = min((t for t in (refused, began) if t is not None), default=None)
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Decide and answer the waiting commands, then stop. Idempotent."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self.worker.join()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self) -> None:
        worker, stopping = self.worker, False
        while not stopping:
            worker.rest()
            batch: list[_Waiting] = []
            # 1. Drain. A crash here leaves nothing: the commands existed only in memory, nothing
            # was recorded, and no sender was answered.
            item = self._next()
            worker.step()
            # From here on either `_commit` or `_give_up` answers the batch.
            self._deciding = batch
            while True:
                if item is None:
                    stopping = True
                    worker.ending()
                    break
                batch.append(item)
                if len(batch) >= MAX_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)

    def _next(self) -> _Waiting | None:
        """Wait for the next command, and check meanwhile whether the store can be written.

        Without the check, the first command to come would be the one to discover a locked store.
        """
        while True:
            try:
                return self._queue.get(timeout=TRY_SECONDS)
            except queue.Empty:
                self.worker.step()
                if not self._store.writable():
                    self._refused_since = self._refused_since or time.monotonic()
                self.worker.rest()

    def _commit(self, batch: list[_Waiting]) -> None:
        started = time.perf_counter()
        answers: list[Outcome | BaseException]
        self._began = began = time.monotonic()
        try:
            answers = self._decide_and_append(batch)
            self._refused_since = None
        except PersistenceError as error:
            if self._refused_since is None:
                self._refused_since = began
            log.error("append_failed", error=str(error), commands=len(batch))
            if isinstance(error, StillCommitting):
                self._memory.forget()
                answers = [OutcomeUnknown(_UNKNOWN)] * len(batch)
            else:
                answers = self._after_failure(
                    batch, Unavailable("kernel.store-did-not-take", because=str(error))
                )
        except Exception as error:
            log.exception("batch_failed", commands=len(batch))
            answers = self._after_failure(batch, error)
        finally:
            self._began = None
            self._appending = False
        numbers = self.statistics
        numbers.batches += 1
        numbers.commands += len(batch)
        seconds = time.perf_counter() - started
        numbers.commit_seconds += seconds
        self._measure(seconds, len(batch))
        numbers.largest_batch = max(numbers.largest_batch, len(batch))
        numbers.refused += sum(isinstance(answer, BaseException) for answer in answers)
        with self._closing:
            if self._deciding is not batch:
                return  # the batch took too long: `_give_up` has answered it
            self._deciding = []
        # 4. Answer. A crash here leaves events whose senders do not know of them. If a sender sends
        # the same command id again, step 2 finds it in the ledger and gives the first result.
        self._answer(batch, answers)

    def _measure(self, seconds: float, commands: int) -> None:
        """Keep a moving average of the time of a command.

        A command of a small batch counts for little: in a large one it shares the flush with many.
        """
        self._pace += (seconds / commands - self._pace) * min(1.0, commands / MAX_BATCH)

    def _after_failure(
        self, batch: list[_Waiting], error: Exception
    ) -> list[Outcome | BaseException]:
        """Return the answers to a failed batch: ``error``, or the outcome if it was recorded."""
        self._memory.forget()
        if not self._appending:
            return [error] * len(batch)
        try:
            self._memory.catch_up()
            return [self._recorded_of(item.context) or error for item in batch]
        except Exception as failure:  # noqa: BLE001 - the caller logged the first error
            log.error("outcome_unknown", error=str(failure), commands=len(batch))
            self._memory.forget()
            return [OutcomeUnknown(_UNKNOWN)] * len(batch)

    def _recorded_of(self, context: Context) -> Outcome | BaseException | None:
        """Return the outcome that the ledger holds for a command; ``None`` if it holds none."""
        first = self._memory.fold(CommandRecorded(context.command_id)).first
        if first is None:
            return None
        if first.position <= self._dated:  # recorded before this batch was decided
            return self._repeat(first, context, [])
        return self._outcome_from(first, [])

    def _answer(
        self, batch: Iterable[_Waiting], answers: Iterable[Outcome | BaseException]
    ) -> None:
        """Answer every command of a batch, even if one of the answers raises."""
        fatal: BaseException | None = None
        for item, answer in zip(batch, answers, strict=False):
            try:
                item.answer(answer)
            except Exception:  # noqa: BLE001 - logged below
                # This sender has gone; answer the others all the same.
                try:
                    log.exception("answer_failed", command=type(item.command).__name__)
                except Exception as error:  # noqa: BLE001 - raised when all are answered
                    fatal = error
            except BaseException as error:  # noqa: BLE001 - raised when all are answered
                fatal = error
        if fatal is not None:
            raise fatal

    def _give_up(self, why: str) -> None:
        """Answer every command in hand or waiting, because the sequencer has failed for good."""
        # Wait a limited time only: the thread that failed may hold the lock.
        locked = self._closing.acquire(timeout=LOCK_SECONDS)
        try:
            self._closed = True
            deciding, self._deciding = self._deciding, []
        finally:
            if locked:
                self._closing.release()
        self._answer(deciding, repeat(OutcomeUnknown(_UNKNOWN)))
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                self._answer([item], [Unavailable(_FAILED)])
        self._queue.put(None)  # if the thread was only slow, it ends when it reads this
        log.critical("sequencer_failed", why=why)

    def _decide_and_append(self, batch: list[_Waiting]) -> list[Outcome | BaseException]:
        for attempt in range(MAX_ATTEMPTS):
            # 2. Follow and decide. A crash here leaves nothing: every decision is in memory only.
            self._memory.catch_up()
            head = self._memory.head
            if head != self._dated:
                newest = recorded_at(self._store, head)
                self._now = self._now if newest is None else max(self._now, newest.astimezone(UTC))
                self._dated = head
            pending: list[DCBEvent] = []
            selectors: list[Selector] = []
            # Look up the command ids of the whole batch at once.
            self._memory.fold_all(
                CommandRecorded(item.context.command_id)
                for item in batch
                if item.context.request_digest is not None
            )
            keyed = [
                item.context.command_id for item in batch if item.context.request_digest is not None
            ]
            self._answered = {a.command: a for a in self._store.answers(keyed)} if keyed else {}
            known = set(self._answered)
            if self._store.distant:
                read_ahead(self._memory, batch, self._try)
            answers = [self._decide(item, pending, selectors) for item in batch]
            new = [answer for id_, answer in self._answered.items() if id_ not in known]
            if not pending and not new:
                # Nothing is appended that would be acknowledged after what these answers rest on.
                self._store.confirm(head)
                return answers
            try:
                # 3. Append. A crash here leaves all events of the batch or none of them; no sender
                # was answered, so each may send its command again (see step 4).
                self._appending = True
                last = self._store.append(
                    pending,
                    DCBAppendCondition(Boundary(selectors), after=head or None),
                    answers=new,
                    commands=[id_ for id_ in keyed if id_ not in known],
                    later=partial(_recorded_later, pending, answers),
                )
            except IntegrityError:
                self._appending = False
                self.statistics.retries += 1
                self._memory.overtaken()
                time.sleep(min(0.001 * attempt, 0.05))
                continue
            self.statistics.events += len(pending)
            if last != head + len(pending):
                # Other processes appended events that no command here had read, so the expected
                # positions are wrong. Correct the answers; the folds follow with the next batch.
                self._memory.overtaken()
                return moved(answers, last - head - len(pending), head)
            self._memory.committed(last)
            self._dated = last
            return answers
        raise Unavailable("kernel.other-writers-keep-changing-what-command")

    def _decide(
        self, item: _Waiting, pending: list[DCBEvent], selectors: list[Selector]
    ) -> Outcome | BaseException:
        try:
            known = CommandRecorded(item.context.command_id)
            # Without a request digest the command id was made for this command alone, so the
            # command cannot be a repeat.
            if item.context.request_digest is not None:
                known = self._memory.fold(known)
            if known.first is not None:
                return self._repeat(known.first, item.context, pending)
            answered = self._answered.get(item.context.command_id)
            if answered is not None:
                return _answer_again(answered, item.context)
            # Read the clock here and not when the command is handed in, so that recording times
            # follow the order of positions.
            now = self._now = max(self._now, self.clock().astimezone(UTC))
            inquiry = Inquiry(self._memory, item.command, item.context, now)
            facts = self._facts(item.command, inquiry)
            made = make_records(
                item.command, item.context, inquiry, facts, self._memory.head + len(pending)
            )
        except NotRecorded as error:
            return error
        except codec.RecordTooLarge as error:
            return Malformed(error.message)
        except PersistenceError:
            # The store failed, not this command: the whole batch fails.
            raise
        except Exception as error:
            log.exception("decision_failed", command=type(item.command).__name__)
            return error
        if item.context.dry:
            # Later commands of the batch do not see it, and the answer is not kept.
            return Outcome(self._memory.head, tuple(record for record, _ in made))
        for record, event in made:
            pending.append(event)
            self._memory.expect(record, event)
        if made:
            selectors.extend(inquiry.selectors)
            selectors.append(known.selector())
        position = made[-1][0].position if made else self._memory.head + len(pending)
        digest = item.context.request_digest
        if not made and digest is not None and item.context.remembered:
            # Remember the answer only if no other node records something under this id meanwhile.
            selectors.append(known.selector())
            id_ = item.context.command_id
            self._answered[id_] = Answered(id_, digest, position)
        return Outcome(position, tuple(record for record, _ in made))

    def _try(self, item: _Waiting, past: Past) -> None:
        """Decide a command for trial, so that ``past`` learns what it asks."""
        now = max(self._now, self.clock().astimezone(UTC))
        self._facts(item.command, Inquiry(past, item.command, item.context, now))

    def _facts(self, command: Command, inquiry: Inquiry) -> list[Fact]:
        """Return what a command and the hooks decide. Raises ``NotRecorded``."""
        inquiry.require_vouched(command)
        inquiry.require_kind(command)
        facts = [fact if isinstance(fact, Fact) else Fact(fact) for fact in command.decide(inquiry)]
        for hook in self._hooks:
            # Pass a copy, so that a hook that iterates over the facts does not see the events
            # it adds itself.
            facts.extend([Fact(event) for event in hook(inquiry, list(facts))])
        inquiry.require_unchanged()
        inquiry.refuse_taken(fact.event for fact in facts)
        return facts

    def _repeat(
        self, first: Recorded, context: Context, pending: list[DCBEvent]
    ) -> Outcome | BaseException:
        recorded, asked = first.envelope.request_digest, context.request_digest
        if recorded is not None and asked is not None and recorded != asked:
            return KeyReused(
                "kernel.idempotency-key-used-before-another-request-recorded-position",
                position=first.position,
            )
        return replace(self._outcome_from(first, pending), repeated=True)

    def _outcome_from(self, first: Recorded, pending: list[DCBEvent]) -> Outcome:
        """Return the outcome of the command whose first record is ``first``."""
        events: list[Recorded] = []
        position = first.position
        while True:
            record = self._at(position, pending)
            if record is None or record.envelope.command_id != first.envelope.command_id:
                return Outcome(position - 1, tuple(events))
            events.append(record)
            position += 1

    def _at(self, position: int, pending: list[DCBEvent]) -> Recorded | None:
        above = position - self._memory.head
        if above <= 0:
            return self._memory.record_at(position)
        return codec.decode(position, pending[above - 1].data) if above <= len(pending) else None


def _recorded_later(
    pending: list[DCBEvent], answers: list[Outcome | BaseException], moment: datetime
) -> list[DCBEvent]:
    """Have a batch recorded no earlier than a moment; change both lists and return the events.

    So recording times follow the order of positions, whatever the clocks of the nodes say. Raises
    ``IntegrityError`` if the batch must be decided again, because the civil date changes.
    """
    records = [codec.decode(0, event.data) for event in pending]
    early = {r.envelope.event_id: r for r in records if r.envelope.recorded_at < moment}
    if any(civil_date(r.envelope.recorded_at) != civil_date(moment) for r in early.values()):
        raise IntegrityError("the commands were decided on an earlier date than the newest event")

    def moved(record: Recorded) -> Recorded:
        if record.envelope.event_id not in early:
            return record
        return replace(record, envelope=replace(record.envelope, recorded_at=moment))

    for index, (record, event) in enumerate(zip(records, pending, strict=True)):
        if record.envelope.event_id in early:
            data = codec.encode(moved(record).envelope, record.event)
            pending[index] = DCBEvent(type=event.type, data=data, tags=event.tags)
    for index, answer in enumerate(answers):
        if isinstance(answer, Outcome):
            answers[index] = replace(answer, events=tuple(map(moved, answer.events)))
    return pending


def _answer_again(first: Answered, context: Context) -> Outcome | BaseException:
    """Return the answer to a repeat of a command that recorded nothing the first time."""
    if first.digest != context.request_digest:
        return KeyReused("kernel.idempotency-key-used-before-another-request-recorded")
    return Outcome(first.position, (), repeated=True)
