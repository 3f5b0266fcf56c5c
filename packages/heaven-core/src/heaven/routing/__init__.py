"""From a URL to a route: converters, patterns, and the table that finds."""
