"""A whole world of lots in one process, on virtual time: real units, a simulated network, street, bank and disks."""
