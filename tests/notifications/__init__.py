"""Tests of the notifications service: a folder a command."""
