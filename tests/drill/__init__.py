"""The drill: twelve faults, and whether whoever is called finds out what it is and what to do."""
