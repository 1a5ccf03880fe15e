"""Messages to clients and to those who work for them: chosen from events, sent on a channel that is safe."""
