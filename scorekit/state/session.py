"""Talking to the database: one connection for each process, and a second try where it was cut."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TypeVar

from scorekit.state.database import Connection, Cursor, Database
from scorekit.state.opening import open_connection

Answer = TypeVar("Answer")


class Session:
    """Transactions of one process; its threads may share it.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()
        self._process = 0
        self._held: Connection | None = None
        self._inherited: Connection | None = None
        self._connection()

    @property
    def shown(self) -> str:
        """Where it is, for people, without secrets."""
        return self._database.shown

    @property
    def database(self) -> Database:
        """What is talked to."""
        return self._database

    def read(self, work: Callable[[Cursor], Answer]) -> Answer:
        """Read something in one transaction; ``work`` may be done twice."""
        return self._twice(work, writes=False)

    def write(self, work: Callable[[Cursor], Answer]) -> Answer:
        """Write something in one transaction; ``work`` may be done twice."""
        return self._twice(work, writes=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._drop()

    def _twice(self, work: Callable[[Cursor], Answer], *, writes: bool) -> Answer:
        """Do it; once more where the connection was cut, for what is done here may be done again."""
        with self._lock:
            try:
                return self._once(work, writes=writes)
            except self._database.errors as error:
                if not self._database.passes(error):
                    raise self._database.translate(error) from None
            self._drop()
            with self._database.translated():
                return self._once(work, writes=writes)

    def _once(self, work: Callable[[Cursor], Answer], *, writes: bool) -> Answer:
        cursor = self._connection().cursor()
        try:
            cursor.execute(self._database.begin(writes=writes))
            answer = work(cursor)
            cursor.execute("COMMIT")
        except BaseException:
            with suppress(self._database.errors):
                cursor.execute("ROLLBACK")
            raise
        else:
            return answer
        finally:
            cursor.close()

    def _connection(self) -> Connection:
        if self._process != os.getpid():
            # a connection belongs to the process that made it: a child neither uses nor closes it
            self._inherited, self._held, self._process = self._held, None, os.getpid()
        if self._held is None:
            self._held = open_connection(self._database)
        self._database.check_in_place()
        return self._held

    def _drop(self) -> None:
        if self._held is not None and self._process == os.getpid():
            with suppress(self._database.errors):
                self._held.close()
        self._held = None

    def settle(self) -> None:
        """Have what was committed on the disk."""
        with self._lock:
            self._database.settle(self._connection())
