"""Facts of the ledger as rows of the tables that officials and their systems exchange."""
