"""Heaven: a Python ASGI framework of three objects and one function shape."""
