"""Intake: clients, what they ask for, and the vault that alone knows who they are."""
