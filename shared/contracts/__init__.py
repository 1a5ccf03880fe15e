"""What services tell each other: events, their vocabulary and their committed JSON schemas."""
