"""What may be shown of figures about people."""
