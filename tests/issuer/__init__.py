"""A real Better Auth as the issuer of tokens."""
