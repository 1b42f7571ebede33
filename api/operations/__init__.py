"""For those who run the service: its health, its tokens, who was refused what."""
