"""The one thing pyproject cannot say: a compiled extension that may fail to build.

Without a compiler the install goes on, and trees are scored by scikit-learn.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "scorekit.engine._trees",
            ["scorekit/engine/_trees.pyx"],
            extra_compile_args=["-O3"],
            optional=True,
        )
    ]
)
