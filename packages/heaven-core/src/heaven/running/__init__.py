"""The life of an application: start, stop, daemons, and the watch over the event loop."""
