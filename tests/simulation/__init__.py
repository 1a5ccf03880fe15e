"""The seeded simulation: a whole network in one process, every fault we could think of, and what must hold all the
same.
"""
