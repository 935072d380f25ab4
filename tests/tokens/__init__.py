"""Tokens that every verifier must reject, and tokens that it must accept."""
