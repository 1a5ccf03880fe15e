"""Faults on real processes, under load, on a network of four sites: `make chaos`."""
