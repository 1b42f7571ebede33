"""Rules and deadlines of credit commitments (2.4b)."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    ObligationOpened,
    obligation_tag,
)

#: The law that lets a commitment and its performance stand on the credit record.
KEEPING = "国办发〔2019〕35号: 信用承诺书及履约情况纳入信用记录"

CMT_R1 = Rule(
    "CMT-R1",
    "a breach of {commitment} cannot be established: {reason}",
    "国办发〔2020〕49号; 国办发〔2020〕42号: 证明事项告知承诺制, 核查与告知",
    "Name the evidence that was verified, and the notice that the business was given on an earlier "
    "day; a day that has passed is no evidence.",
)

#: Nobody has broken a promise because a day has passed: the clock says that it has, and no more.
PERFORM = DeadlineRule(
    "commitments.obligation",
    None,
    ObligationOpened,
    (CommitmentFulfilled, CommitmentBreached),
    about=lambda event: obligation_tag(event.commitment, event.obligation),
    ends=lambda event: event.due_on,
)
