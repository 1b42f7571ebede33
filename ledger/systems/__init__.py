"""The systems of the rulebook, a room for each: its events, folds, rules, effects, commands."""
