"""行政处罚 Penalties (2.8): cases from filing to payment, decisions and their publicity."""
