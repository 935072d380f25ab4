"""Several worker processes on one socket, and the supervisor that starts and replaces them."""
