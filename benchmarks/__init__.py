"""Speed and memory of regbench as ratios to named peers, measured side by side on one machine: `make bench`."""
