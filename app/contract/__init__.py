"""The contract at work: openapi.yaml to operations, routes, checks, problems and pages."""
