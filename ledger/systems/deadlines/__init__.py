"""期限 Deadlines: which were missed, and which moved with a calendar published later (0.6)."""
