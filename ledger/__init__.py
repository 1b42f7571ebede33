"""What happened, and the rules by which it may be recorded."""
