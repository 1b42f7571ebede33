"""Rules of policies."""

from __future__ import annotations

from ledger.kernel import finding_rule

GEN_V2 = finding_rule(
    "GEN-V2",
    "retroactive_policy",
    "version {version} of {key} was adopted on {adopted_on} to hold from {effective_from}",
    law="rulebook 0.4 (design); 立法法 Art 104 (rules do not reach back)",
)
