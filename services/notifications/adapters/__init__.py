"""The ways out of the service: channels, and the question to the vault."""
