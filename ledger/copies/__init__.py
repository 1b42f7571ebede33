"""Copies of a ledger: backup, restore, and bundles that others can check."""
