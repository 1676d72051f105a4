"""How many examples a property looks at."""

from __future__ import annotations

from hypothesis import settings

#: What hypothesis takes unless told otherwise, and so the default profile's.
_USUAL = 100


def examples(usual: int) -> int:
    """So many in the default profile, and in proportion in the others: a quarter of it in `quick`."""
    return usual * settings().max_examples // _USUAL
