"""查阅与拒绝记录: refused commands and consultations (0.9), recorded in a ledger of their own."""
