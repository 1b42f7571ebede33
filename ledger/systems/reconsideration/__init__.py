"""行政复议 Administrative reconsideration (2.13): from the application to performance."""
