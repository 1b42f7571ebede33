"""Compute every monthly report and every score again (2.14, 2.15)."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ledger.kernel import Recorded
from ledger.systems.assessment.events import AssessmentPublished, AssessmentRunCompleted
from ledger.systems.assessment.folds import Scheme, Score, measured
from ledger.systems.progress.events import ProgressLedgerSubmitted
from ledger.systems.progress.folds import Tally, UnknownMetric, figures, metrics_of
from ledger.verification.asking import Records
from ledger.verification.faults import Found


class _Tallies:
    """Answers tallies at many positions, and reads the records of a unit once for all months."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._read: dict[Hashable, list[Recorded]] = {}

    def __call__(self, tally: Tally) -> Tally:
        key = (type(tally), tally.unit, tally.names)
        if key not in self._read:
            if len(self._read) > 1:  # keep two: the unit's own, and what it recorded about others
                self._read.clear()
            self._read[key] = self._records.matching(tally)
        return tally.over(self._read[key])


def verify_reports(records: Records, tell: Callable[[int], None] = lambda reports: None) -> Found:
    """Compute each monthly report again at its cutoff; call ``tell`` after each."""
    found = Found()
    answer = _Tallies(records)
    submitted = [
        (record.event.unit, record.event.task_no, record.position, record.event)
        for record in records.of(ProgressLedgerSubmitted)
        if isinstance(record.event, ProgressLedgerSubmitted)
    ]
    # Sort by unit and task, so that the records behind them are read once.
    submitted.sort(key=lambda report: report[:3])
    for _, _, position, event in submitted:
        for what in _report(answer, event):
            found.wrong(f"report {event.report}", what, position)
        found.count += 1
        tell(1)
    found.faults.sort(key=lambda fault: fault.position)
    return found


def _report(answer: Callable[[Tally], Tally], event: ProgressLedgerSubmitted) -> list[str]:
    names = [metric.name for metric in metrics_of(event.task_no)]
    cutoff = event.ledger_cutoff_position
    again = figures(answer, event.unit, names, cutoff, event.counting)
    wrong = []
    # Earlier reports do not contain a metric that was added to the catalogue later.
    for name in sorted({*event.computed, *event.metrics}):
        value = again.month(name, event.month) if name in names else None
        if event.computed.get(name) != value:
            wrong.append(
                f"{name} was computed as {event.computed.get(name)}, but the events up to position "
                f"{cutoff} give {value}"
            )
        elif event.metrics.get(name) != value and name not in event.disputed:
            wrong.append(
                f"{name} is stated as {event.metrics.get(name)} without a dispute, but the events "
                f"up to position {cutoff} give {value}"
            )
    return wrong


def verify_scores(records: Records, tell: Callable[[int], None] = lambda scores: None) -> Found:
    """Run each assessment again at its cutoff, and compare published scores with the runs."""
    found = Found()
    answer = _Tallies(records)
    for record in records.of(AssessmentRunCompleted):
        run = record.event
        assert isinstance(run, AssessmentRunCompleted)
        scheme = records.ask(Scheme(run.year), record.position)
        place = f"score {run.score}"
        if scheme.adopted is None or scheme.adopted.version != run.scheme_version:
            found.wrong(place, "its scheme is not the one of its year", record.position)
        else:
            try:
                scores, total = measured(
                    answer, scheme, run.unit, run.cutoff_position, run.counting
                )
            except UnknownMetric as error:
                found.wrong(place, f"it cannot be run again: {error}", record.position)
                continue
            if (scores, total) != (run.scores, run.total):
                found.wrong(
                    place,
                    f"its total is {run.total}, but the events up to position "
                    f"{run.cutoff_position} give {total}"
                    if total != run.total
                    else f"run again at position {run.cutoff_position} its indicators differ",
                    record.position,
                )
        found.count += 1
        tell(1)
    for record in records.of(AssessmentPublished):
        published = record.event
        assert isinstance(published, AssessmentPublished)
        for score in published.scores:
            newest = records.ask(Score(score.score), record.position).newest
            if newest is None or (newest.total, newest.cutoff_position) != (
                score.total,
                score.cutoff_position,
            ):
                found.wrong(
                    f"score {score.score}",
                    "the published score differs from the newest run",
                    record.position,
                )
    return found
