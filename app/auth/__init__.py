"""Authentication: which user a bearer token belongs to, and the limits of that user."""
