"""Better Auth itself, as the issuer of tokens."""
