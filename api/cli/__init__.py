"""``supervision-ledger``: the command line."""
