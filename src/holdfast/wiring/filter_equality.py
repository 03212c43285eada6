"""What a refined filter has in common with the one of Advanced Alchemy that it refines."""

from advanced_alchemy.filters import StatementFilter

__all__ = ("EqualToUpstream",)


class EqualToUpstream(StatementFilter):
    """Makes a refined filter equal, both ways round, to the plain one of the same values.

    Dataclasses of two classes are never equal by themselves, and tests of handlers compare filters.
    They look at the names of classes too, so a refined filter keeps that.
    """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)) and not isinstance(self, type(other)):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        raise TypeError(f"unhashable type: {type(self).__name__!r}")
