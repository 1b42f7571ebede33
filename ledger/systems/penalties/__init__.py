"""行政处罚 Penalties (2.8): cases from their opening to the payment, decisions, their publicity."""
