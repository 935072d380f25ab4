"""The HTTP server and what surrounds the app: middleware, worker processes, observability."""
