"""The random sequences go nearly everywhere: a property that they hold up is one of all systems."""

from __future__ import annotations

import random
from pathlib import Path

from ledger.registry import COMMANDS
from tests.sequences.steps.all import STEPS
from tests.sequences.town import Town
from tests.sequences.walk import Tally, Walk

#: Seeds of the fixed run, and steps of each walk: about a year.
SEEDS = range(12, 19)
STEPS_OF_EACH = 960

#: Commands that a year of a small region does not reach, and why.
NOT_REACHED = {
    "DeclineProposal": "no walk has a step for it yet",
    "FollowDecision": "it mends decisions that an earlier version of the program altered",
    "HandOverDuty": "no walk has a step for it yet",
    "PassOnFacts": "no walk has a step for it yet",
    "ProposeSupervisionDoc": "no walk has a step for it yet",
    "ReenterEntity": "no walk has a step for it yet",
    "EndWebhook": "no walk has a step for it yet",
    "MoveWebhook": "no walk has a step for it yet",
    "RegisterWebhook": "no walk has a step for it yet",
    "RepeatDeliveries": "no walk has a step for it yet",
    "ResumeDelegation": "no walk has a step for it yet",
    "ReportShownElsewhere": "no walk has a step for it yet",
    "TakeBackDuty": "no walk has a step for it yet",
    "ReviewIdleMatter": "a matter is idle after five years without use",
    "ReviewSanction": "the record under a sanction ends without lifting it in imported pasts alone",
    "PublishAssessment": "see assessment.PublishAssessment below",
    "PushRepair": "see repair.PushRepair below",
    "ReportNonPerformance": "see reconsideration.ReportNonPerformance below",
}
#: Steps that the fixed run does not come to, and why; longer ones do.
SELDOM = {
    "assessment.PublishAssessment": "all units have to be scored and every appeal decided first",
    "penalties.CloseCase revoked": "all steps recorded and everything seized given back first",
    "reconsideration.ReportNonPerformance": "the clock mostly finds it first",
    "repair.PushRepair": "a repair of the business of another province has to be granted first",
}


def test_every_kind_of_step_is_taken(tmp_path: Path) -> None:
    """Refusals are rare, every step is accepted, and nearly every command of the registry is."""
    total = Tally()
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        with Town(folder) as town:
            # Each walk knows what those before it have done, and turns to the rest.
            walk = Walk(town, random.Random(seed), counts=total.sent)
            walk.go(STEPS_OF_EACH)
            total.add(walk.tally)
    told = "\n".join(f"{n} × {step}: {why}" for (step, why), n in total.refused.most_common(30))
    assert total.share > 0.9, told
    assert total.late > 20 * len(SEEDS), "facts are reported late too"
    never = {step.name for step in STEPS if not total.accepted[step.name]}
    assert never == SELDOM.keys(), f"{never ^ SELDOM.keys()}\n{told}"
    missing = {e.command.__name__ for e in COMMANDS} - total.commands
    assert missing == NOT_REACHED.keys(), missing ^ NOT_REACHED.keys()
    assert len(COMMANDS) - len(missing) >= 200
