"""What a run is told: declared fields, the checked configuration and its identity, and where choices are found."""
