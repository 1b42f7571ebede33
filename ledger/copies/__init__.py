"""Copies of a ledger: backup, restore, bundles for others to check, and the blobs that go along."""
