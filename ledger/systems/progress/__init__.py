"""每月工作进展台账 Monthly progress ledger (2.14): opened, pre-filled, submitted, accepted."""
