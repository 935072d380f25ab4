"""Tests of isolation: each operation asked by everybody, and a model of the whole API."""
