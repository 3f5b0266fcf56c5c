"""The rules of ASGI, held against every message in both directions."""
