"""Routes declared with Include, Gateway and their family, compiled to what the core serves."""
