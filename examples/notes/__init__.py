"""Notes, a service built on quart_contract."""
