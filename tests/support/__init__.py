"""What tests of several folders use: servers, databases, and judges of responses."""
