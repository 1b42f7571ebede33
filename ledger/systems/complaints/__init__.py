"""违法执法投诉 Complaints (2.12): received, handled by others than the accused, answered."""
