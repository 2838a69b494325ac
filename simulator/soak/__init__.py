"""Kills: every process dies at any moment of a driver's visit, and nothing may be lost, doubled or charged wrongly."""
