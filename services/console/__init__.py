"""Console: the screens of a site, and the journal of the events it heard."""
