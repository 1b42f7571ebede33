"""期限 Deadlines: what the clock finds past, and what a calendar published later moves (0.6)."""
