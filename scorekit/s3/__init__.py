"""S3, for the store of versions and for data alike: one connection, one way to read its errors."""

from scorekit.s3.connection import connect, translated

__all__ = ["connect", "translated"]
