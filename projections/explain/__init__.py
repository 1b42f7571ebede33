"""Answers that explain the ledger: replays, audit trails, impact, burden, list histories."""
