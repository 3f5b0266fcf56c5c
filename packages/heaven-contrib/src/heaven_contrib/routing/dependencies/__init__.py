"""Dependencies of declared routes: said at any level, put in order when the route is wired, run for each request."""
