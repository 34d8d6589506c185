"""Lowering: fitted scikit-learn objects become steps of a program.

``values`` says what is known of a value while compiling, ``builder`` collects the
steps. Each other module lowers one family of scikit-learn, and ``table`` lists them all.
"""
