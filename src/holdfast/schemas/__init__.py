"""Schemas from mappings: written as source to keep and edit, and compared with what is there."""
