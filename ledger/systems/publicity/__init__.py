"""行政执法公示 Publicity of enforcement (2.8): before it, after it, and once a year."""
