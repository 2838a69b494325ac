"""Wire version 1. `schema/` and `samples/` hold it for programs that are not ours; tests keep all three together."""
