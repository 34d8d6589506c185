"""Training: from data files to a published, proved version; and making it again.

``dataset`` reads files and takes them apart (``inference``, ``target``), ``estimators``,
``preprocess`` and ``factory`` make what is fitted, ``splits``, ``fitting``, ``search``
and ``metrics`` fit and measure it, ``publish`` compiles and proves it, and ``train``
is the road through all of them. ``reproduce`` goes it again and compares.
"""

from __future__ import annotations

from scorekit.training.recipe import Recipe, Search

__all__ = ["Recipe", "Search"]
