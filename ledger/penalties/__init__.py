"""行政处罚 Penalties (2.8): decisions, their service with the repair notice, their publicity."""
