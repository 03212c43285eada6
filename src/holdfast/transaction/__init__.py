"""The transaction boundary: what commits, when, and what the client is told about it.

Knows ASGI and SQLAlchemy; knows no framework, router or configuration file.
"""
