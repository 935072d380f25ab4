"""Clients that are generated from the contract, compiled, and run."""
