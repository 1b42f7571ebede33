"""自然人 Natural persons: registered under a token, with sealed data that can be erased (0.10)."""
