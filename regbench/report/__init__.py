"""The page of a study, a sweep or a run: one HTML file that needs no network. Returns pages; prints nothing."""
