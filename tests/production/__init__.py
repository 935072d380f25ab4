"""Tests of the parts that only a whole machine has. `make production` runs them."""
