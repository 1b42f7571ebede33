"""可验证日志 The transparency log, by which outsiders can check the ledger without trusting it.

Its formats are public specifications, so that other people's programs can check them: RFC 6962 (the
tree), C2SP tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature, tlog-witness and tlog-proof.
Event n of the ledger is leaf n - 1 of the tree.
"""
