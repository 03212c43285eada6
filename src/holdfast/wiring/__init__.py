"""How Holdfast is wired into an application: configuration, extension, dependencies."""
