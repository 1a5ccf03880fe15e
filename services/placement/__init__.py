"""Placement: places, holds, stays, and the capacity of the whole network as this site sees it."""
