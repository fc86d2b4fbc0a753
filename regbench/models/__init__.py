"""Models: one file per architecture, each building a network as data and naming its sites."""
