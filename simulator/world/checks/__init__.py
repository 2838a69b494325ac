"""The invariants of docs/architecture.md, one checker each, that look at a run from outside."""
