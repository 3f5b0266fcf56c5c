"""What a request would meet, and what looks wrong."""
