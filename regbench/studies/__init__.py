"""Studies: which of several arms is better, by how much and how surely. Returns results; prints nothing."""
