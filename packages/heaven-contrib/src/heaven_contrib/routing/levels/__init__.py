"""What levels say of the routes below them, checked where they say it."""
