"""The pytest plugin: options and fixtures, with nothing to import."""
