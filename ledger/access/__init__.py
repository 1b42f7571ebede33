"""查阅与拒绝记录 Who was refused and who looked (0.9): a ledger of its own, beside the other."""
