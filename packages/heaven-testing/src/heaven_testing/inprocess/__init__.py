"""The server without a socket: it calls the application as a real one does, and watches every message."""
