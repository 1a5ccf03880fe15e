"""Tests of the logbook of what is done with people's data."""
