"""期限 Deadlines: which were missed, and which moved when a calendar was published later (0.6)."""
