"""重大执法决定法制审核 Legal review of major decisions (2.8)."""
