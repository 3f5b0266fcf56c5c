"""Routes ready to run, and what they are compiled from."""
