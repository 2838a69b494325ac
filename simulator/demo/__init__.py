"""The demonstration: two lots, central and a bank on this machine, as real processes, and a story played on them."""
