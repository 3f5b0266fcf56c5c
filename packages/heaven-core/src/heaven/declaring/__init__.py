"""What an application is told, checked and written down as plain values."""
