"""From the runs of a sweep to pieces of work: what stacks, how much of it at once, and who gets it."""
