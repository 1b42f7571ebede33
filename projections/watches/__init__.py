"""The clock, and what it watches: commands for what has fallen due, found in the views."""
