"""考核评价 Performance assessment (2.15): indicators over the ledger's own figures, and scores."""
