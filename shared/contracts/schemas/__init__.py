"""The committed JSON schema of every told event, one file a type: `python -m shared.contracts.schemas --write`."""
