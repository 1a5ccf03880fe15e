"""The screens in a real browser, on a real network of two sites."""
