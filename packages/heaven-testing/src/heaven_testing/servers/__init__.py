"""Real servers as processes, and a proxy that does to a connection what networks do."""
