"""Rules of approvals."""

from __future__ import annotations

from ledger.kernel import Rule

GEN_R1 = Rule(
    "GEN-R1",
    "{requested_by} requested {command} and cannot approve it too",
    law="rulebook 0.3 (design)",
    hint="Let somebody other than {requested_by} approve it.",
)
