"""自然人 Natural persons: known by a token, their data sealed, erased for good (0.10)."""
