"""Verify a ledger: its records, tags, log, draws, monthly reports and scores.

The verification trusts only the stored bytes of the records: it makes every leaf, tile, root,
selection, figure and score again from them, and compares. It changes nothing, so it works on a
ledger in use, on a backup, and on a read-only medium.
"""

from ledger.verification.faults import Fault, Files, Verification
from ledger.verification.whole import verify_ledger, verify_records

__all__ = ["Fault", "Files", "Verification", "verify_ledger", "verify_records"]
