"""考核评价 Performance assessment (2.15): units are scored by figures of the ledger."""
