"""What goes back: responses, their headers and cookies, and what becomes of returned values."""
