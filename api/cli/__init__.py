"""The command line, ``supervision-ledger``."""
