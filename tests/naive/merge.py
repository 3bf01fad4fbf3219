"""The order of merged sources, the slow and obvious way: all rows of all sources at once, sorted."""

from __future__ import annotations


def merged(sources: list[list[int]]) -> list[tuple[int, int]]:
    """(source, row) of every event, given the times of each source's rows in its order."""
    keyed = []
    for source, times in enumerate(sources):
        for row in range(len(times)):
            keyed.append((max(times[: row + 1]), source, row))
    return [(source, row) for _, source, row in sorted(keyed)]
