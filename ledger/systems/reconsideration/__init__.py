"""行政复议 Administrative reconsideration (2.13): applied for, heard, decided, carried out."""
