"""Answers made on the spot or kept to explain: replays, trails, impact, burden, histories."""
