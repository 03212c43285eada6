"""A response schema and a mapping, compiled into what SQL has to read."""
