"""The feed of events, and the one reader behind all of its subscribers."""
