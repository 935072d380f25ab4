"""Faults in and around a server, and whether acknowledged changes survive them."""
