"""What can be asked of the ledger: views kept by followers, and replays made on the spot."""
