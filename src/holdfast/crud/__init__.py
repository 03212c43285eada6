"""Generated routes: complete, and made of public pieces."""
