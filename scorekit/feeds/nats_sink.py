"""Answers, and what cannot be answered, to subjects of NATS."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from scorekit.errors import DataError, ScorekitError, Unreachable, UsageError
from scorekit.feeds import Message
from scorekit.feeds.letters import headers_of
from scorekit.feeds.nats_connection import TIMEOUT, Connection
from scorekit.feeds.retrying import Patience, Trouble
from scorekit.feeds.uris import Address

KEY = "scorekit-key"
"""The header that holds the key of a message, as a message of NATS has none."""
OWN = "nats-"
"""How headers begin that tell a server what to do."""

_ID = "Nats-Msg-Id"
_TOGETHER = 1000
"""Messages that are under way at a time."""
_TOO_LARGE = 10054
"""The server's code for a message larger than its stream takes."""
_NO_RESPONDERS = "503"


class _Letter(NamedTuple):
    """What is published."""

    value: bytes
    headers: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes, headers and all."""
        named = sum(len(name.encode()) + len(value.encode()) + 4 for name, value in self.headers.items())
        return len(self.value) + named + 12


class NatsSink:
    """Answers to a subject that a stream stores; see ``Sink``.

    Parameters
    ----------
    connection : Connection
    subject : str
    """

    def __init__(self, connection: Connection, subject: str) -> None:
        self.name = connection.shown
        self._connection = connection
        self._subject = subject
        self._inbox = ""
        self._listening: Client | None = None
        self._answers: dict[str, Msg] = {}
        self._came = asyncio.Event()
        self._round = 0
        connection.patience.make_ready(self.name, lambda: connection.try_once(self._check))

    async def _check(self, client: Client) -> None:
        """See that a stream stores what is published."""
        asked = json.dumps({"subject": self._subject}).encode()
        found = json.loads((await client.request("$JS.API.STREAM.NAMES", asked, timeout=TIMEOUT)).data)
        if not found.get("streams"):
            raise UsageError(
                f"{self.name}: no stream stores what is published to {self._subject}",
                hint=f"add one: nats stream add --subjects {self._subject}",
                code="bad_output",
            )

    def send(self, values: Sequence[bytes], messages: Sequence[Message]) -> None:
        """Publish answers, with the keys and headers of what they answer; see ``Sink.send``.

        Raises
        ------
        Unreachable
            If the server does not confirm them.
        DataError
            If one is larger than the server takes.
        """
        pairs = zip(values, messages, strict=True)
        self.publish([_letter(value, message, message.headers) for value, message in pairs])

    def publish(self, letters: Sequence[_Letter]) -> None:
        """Publish in order; tried again from the first one that was not confirmed."""
        left = list(letters)

        async def attempt(client: Client) -> None:
            await self._listen(client)
            done = await self._round_trip(client, left[:_TOGETHER])
            del left[:done]

        while left:
            self._connection.asking(attempt)

    async def _listen(self, client: Client) -> None:
        if self._listening is not client:
            self._inbox = client.new_inbox()
            await client.subscribe(f"{self._inbox}.>", cb=self._hear)
            self._listening = client

    async def _hear(self, answer: Msg) -> None:
        self._answers[answer.subject] = answer
        self._came.set()

    async def _round_trip(self, client: Client, letters: Sequence[_Letter]) -> int:
        """Publish some; how many of the first ones are stored."""
        self._round += 1
        self._answers.clear()
        replies = [f"{self._inbox}.{self._round}.{number}" for number in range(len(letters))]
        for letter, reply in zip(letters, replies, strict=True):
            if letter.size > client.max_payload:
                raise self._too_large(letter)
            await client.publish(self._subject, letter.value, reply, letter.headers or None)
        await self._await_answers(client, len(letters))
        for number, (letter, reply) in enumerate(zip(letters, replies, strict=True)):
            refusal = self._refusal(letter, self._answers.get(reply))
            if refusal is not None:
                if number:
                    return number
                raise refusal
        return len(letters)

    async def _await_answers(self, client: Client, count: int) -> None:
        until = time.monotonic() + TIMEOUT
        while len(self._answers) < count and time.monotonic() < until:
            if client.is_closed:
                raise errors.ConnectionClosedError
            before = len(self._answers)
            self._came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), _SLICE)
            if len(self._answers) > before:
                until = time.monotonic() + TIMEOUT

    def _refusal(self, letter: _Letter, answer: Msg | None) -> Trouble | ScorekitError | None:
        if answer is None:
            return Trouble("publications are not confirmed")
        if (answer.headers or {}).get("Status") == _NO_RESPONDERS:
            return Trouble(
                f"no stream stores what is published to {self._subject}", hint="see `nats stream report`"
            )
        error = json.loads(answer.data).get("error")
        if error is None:
            return None
        if error.get("err_code") == _TOO_LARGE:
            return self._too_large(letter)
        said = error.get("description", "no reason given")
        if error.get("code", 0) >= _UNAVAILABLE:
            return Trouble(f"the stream does not store it now ({said})", hint="see `nats stream report`")
        return Unreachable(f"{self.name} refuses: {said}")

    def _too_large(self, letter: _Letter) -> DataError:
        return DataError(
            f"{self.name}: an answer of {letter.size:,} bytes is larger than the server takes",
            hint="raise max_payload of the server and max-msg-size of the stream, or carry fewer fields",
            code="answer_too_large",
        )

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


_SLICE = 0.1
"""Seconds of waiting after which it is seen whether the connection is closed."""
_UNAVAILABLE = 500
"""Codes from here on may pass, such as of a stream that is full."""


class NatsGrave:
    """Messages that cannot be answered, to a subject; see ``DeadLetters``.

    Parameters
    ----------
    address : Address
    patience : Patience
    subject : str
    """

    def __init__(self, address: Address, patience: Patience, subject: str) -> None:
        self.name = address.shown
        self._address = address
        self._patience = patience
        self._subject = subject
        self._sink: NatsSink | None = None

    def open(self) -> NatsSink:
        """Connect, where that was not done yet.

        Raises
        ------
        UsageError
            If no stream stores the subject.
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """
        if self._sink is None:
            self._sink = NatsSink(Connection(self._address, self._patience), self._subject)
        return self._sink

    def bury(self, message: Message, code: str, said: str) -> None:
        """Publish the message as it came, with headers that say why."""
        letter = _letter(message.value, message, headers_of(message, code, said), mark="dead/")
        self.open().publish([letter])

    def close(self) -> None:
        """Let go of it."""
        if self._sink is not None:
            self._sink.close()


def _letter(value: bytes, message: Message, headers: Sequence[tuple[str, bytes]], mark: str = "") -> _Letter:
    """A message with headers that can be sent: in names only what a server takes, values as text."""
    named = {}
    for name, content in headers:
        # the server heeds what is named like its own: looked at as it will stand there
        sent = _NO_NAME.sub("-", name)
        if sent and not sent.lower().startswith(OWN):
            named[sent] = _text(content)
    if message.key is not None:
        named[KEY] = _text(message.key)
    if message.id:
        named[_ID] = _ENDS.sub(" ", f"{mark}{message.id}")
    return _Letter(value, named)


def _text(content: bytes) -> str:
    """A value of a header, which is one line."""
    return _ENDS.sub(" ", content.decode("utf-8", "backslashreplace"))


_NO_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
"""What cannot stand in the name of a header: all but the characters of a token (RFC 9110)."""
_ENDS = re.compile(r"[\r\n]+")
"""Ends of lines, which would end a header."""
