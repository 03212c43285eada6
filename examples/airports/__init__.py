"""A service over the airports of the world: `python -m examples.airports`."""
