"""Reaching into a store behind its back."""

from __future__ import annotations

import obstore
from obstore.store import LocalStore

from scorekit.s3 import connect


class Raw:
    """The objects of a store, as somebody with write access to the disk or bucket has them."""

    def __init__(self, uri: str) -> None:
        self.store = connect(uri) if uri.startswith("s3://") else LocalStore(uri)

    def read(self, path: str) -> bytes:
        return obstore.get(self.store, path).bytes().to_bytes()

    def write(self, path: str, content: bytes) -> None:
        obstore.put(self.store, path, content)

    def delete(self, path: str) -> None:
        obstore.delete(self.store, path)

    def everything(self) -> dict[str, bytes]:
        pages = obstore.list(self.store)
        return {each["path"]: self.read(each["path"]) for page in pages for each in page}
