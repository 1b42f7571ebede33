"""The reading side of the ledger: views kept by a follower, and replays made on demand."""
