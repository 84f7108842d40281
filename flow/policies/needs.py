"""What a command needs that the sandbox does not give: the words for it, and which of it an approval can open."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import Opening, OpeningKind

NETWORK = Opening(OpeningKind.NETWORK)
GIT = Opening(OpeningKind.GIT)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs `opening`, or cannot be seen beforehand (a doubt), or that no approval opens (`never`)."""

    why: str  # a clause that begins with what needs it
    opening: Opening | None = None
    never: bool = False

    @property
    def is_doubt(self) -> bool:
        """Whether it is unclear what would run."""
        return self.opening is None and not self.never


def network(what: str) -> Need:
    """Return the need of something that reaches for the network."""
    return Need(f"{what!r} needs the network", NETWORK)


def git_change(what: str) -> Need:
    """Return the need of something that changes the repository's own folder."""
    return Need(f"{what!r} changes .git", GIT)


def doubt(why: str) -> Need:
    """Return that something cannot be seen beforehand."""
    return Need(why)


def never(why: str) -> Need:
    """Return that something is asked for that no approval opens."""
    return Need(why, never=True)
