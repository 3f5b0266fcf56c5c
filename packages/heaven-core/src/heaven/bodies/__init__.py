"""What comes in: JSON held to a type, forms, files on disk."""
