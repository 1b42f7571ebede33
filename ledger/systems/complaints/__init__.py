"""违法执法投诉 Complaints (2.12): received, handled by a body that is not accused, answered."""
