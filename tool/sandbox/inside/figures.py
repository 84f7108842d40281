"""Open matplotlib figures turned into PNG files in the workspace."""

from __future__ import annotations

import os
import sys
from itertools import count

FOLDER = "figures"


def save_figures() -> list[str]:
    """Save and close every open figure; return the files' names. Writes: figures/figure-N.png, never over another."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    saved = []
    for number in pyplot.get_fignums():
        os.makedirs(FOLDER, exist_ok=True)
        name = next(name for n in count(1) if not os.path.exists(name := f"{FOLDER}/figure-{n}.png"))
        figure = pyplot.figure(number)
        figure.savefig(name, bbox_inches="tight")
        pyplot.close(figure)
        saved.append(name)
    return saved
