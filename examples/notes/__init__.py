"""Notes, a service on quart_contract."""
