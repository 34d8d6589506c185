"""From decoded columns to scores: compiled arrays first, scikit-learn where it must be.

``columns`` decodes Arrow batches and parsed rows. ``compile`` lowers a fitted
estimator to a ``program`` of plain arrays, ``compiled`` runs one, ``proof`` holds
the two against each other, and ``reference`` is scikit-learn itself.
"""
