"""Whether everything still says what was recorded: records, tags, log, draws, months and scores.

Nothing here trusts what lies beside the records: every leaf, tile, root, selection, figure and
score is made again from the stored bytes and compared. Nothing is changed, so it works on a ledger
that is being written, on a backup, and on files on a medium that cannot be written.
"""

from ledger.verification.faults import Fault, Files, Verification
from ledger.verification.whole import verify_ledger, verify_records

__all__ = ["Fault", "Files", "Verification", "verify_ledger", "verify_records"]
