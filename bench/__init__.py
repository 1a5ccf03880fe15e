"""Benchmarks: one script per line of the targets, each beside the peer it is held against."""
