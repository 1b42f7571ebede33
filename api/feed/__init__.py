"""The feed of events, with one reader for all of its subscribers."""
