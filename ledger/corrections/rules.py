"""Rules of corrections."""

from __future__ import annotations

from ledger.kernel import Rule

GEN_R1 = Rule(
    "GEN-R1",
    "{requested_by} both requested and approved the correction of position {position}",
    law="rulebook 0.3 (design)",
    hint="Let somebody other than {requested_by} approve it.",
)
