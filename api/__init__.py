"""How people and systems reach the ledger: HTTP, feeds, and the command line."""
