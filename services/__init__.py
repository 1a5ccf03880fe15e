"""The services of Plek: each is the only writer of its own facts and imports no other service."""
