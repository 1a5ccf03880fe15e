"""One module per family of verbs; each has `register(app)`, listed in `infra/cli.py`."""
