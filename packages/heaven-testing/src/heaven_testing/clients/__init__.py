"""What a test holds: clients for async and for sync tests."""
