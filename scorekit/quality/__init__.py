"""Quality: the population stability index, and what is judged by it.

Nothing here knows files, stores or databases.
"""

from scorekit.quality.psi import StabilityIndex, population_stability_index

__all__ = ["StabilityIndex", "population_stability_index"]
