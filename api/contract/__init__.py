"""What the service says of itself, from its tables: event types, rules, deadlines, the feed."""
