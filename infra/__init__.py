"""How a network of sites runs: platform, supervisor, command line."""
