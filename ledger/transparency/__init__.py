"""可验证日志 The transparency log: what lets a stranger check the ledger without trusting it.

Its bytes are those of public specifications, so that programs which nobody here wrote can check
them: RFC 6962 (the tree), C2SP tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature,
tlog-witness and tlog-proof. Event n of the ledger is leaf n - 1 of the tree.
"""
