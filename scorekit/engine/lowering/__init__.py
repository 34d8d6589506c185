"""Lowering: fitted scikit-learn objects become steps of a program.

``builder`` holds what is known of a value while compiling. Each other module
lowers one family of scikit-learn, and ``table`` lists them all.
"""
