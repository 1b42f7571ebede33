"""Rules of approvals."""

from __future__ import annotations

from ledger.kernel import Rule

GEN_R1 = Rule(
    "GEN-R1",
    "{requested_by} requested {command} and cannot also approve it",
    law="rulebook 0.3 (design)",
    hint="Ask a person other than {requested_by} to approve it.",
)
