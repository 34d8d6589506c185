"""What errors of the Kafka client mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from scorekit.errors import ScorekitError, Unreachable, UsageError
from scorekit.feeds.retrying import Trouble

TOO_LARGE = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_MSG_SIZE"})

NOT_NOW = frozenset({"REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "_ASSIGNMENT_LOST"})
"""Why offsets cannot be committed until the group has been arranged anew."""

_PASSING = frozenset(
    {
        *("_ALL_BROKERS_DOWN", "_TRANSPORT", "_RESOLVE", "_TIMED_OUT", "_TIMED_OUT_QUEUE", "_MSG_TIMED_OUT"),
        *(
            "_WAIT_COORD",
            "_IN_PROGRESS",
            "_PREV_IN_PROGRESS",
            "_RETRY",
            "_UNKNOWN_BROKER",
            "NETWORK_EXCEPTION",
        ),
        *("REQUEST_TIMED_OUT", "LEADER_NOT_AVAILABLE", "NOT_LEADER_FOR_PARTITION", "BROKER_NOT_AVAILABLE"),
        *("COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR"),
        *("NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "UNSTABLE_OFFSET_COMMIT"),
        *("REPLICA_NOT_AVAILABLE", "THROTTLING_QUOTA_EXCEEDED", "OFFSET_NOT_AVAILABLE"),
    }
)
_LOGIN = "check SCOREKIT_KAFKA_USER and SCOREKIT_KAFKA_PASSWORD, and the mechanism: sasl="
_REFUSALS = {
    "_AUTHENTICATION": _LOGIN,
    "SASL_AUTHENTICATION_FAILED": _LOGIN,
    "UNSUPPORTED_SASL_MECHANISM": _LOGIN,
    "TOPIC_AUTHORIZATION_FAILED": "let that user read, or write, the topic",
    "GROUP_AUTHORIZATION_FAILED": "let that user read with the group",
    "CLUSTER_AUTHORIZATION_FAILED": "let that user write with idempotence",
    "UNKNOWN_TOPIC_OR_PART": "the topic was deleted: create it",
    "_UNKNOWN_TOPIC": "the topic was deleted: create it",
    "INCONSISTENT_GROUP_PROTOCOL": "let every member of the group rebalance as scorekit does "
    "(cooperative-sticky), or name another group",
    "FENCED_INSTANCE_ID": "another process has the name that instance= gives: give each its own",
    "_FENCED": "another process has the name that instance= gives: give each its own",
    "INVALID_SESSION_TIMEOUT": "the broker allows other session-seconds",
}
"""What will not pass, and what to do."""
_CERTIFICATE = "check the certificates: tls-ca, tls-cert, tls-key"


class Link:
    """What the client says of its connections.

    Parameters
    ----------
    name : str
        What is named in messages.

    Attributes
    ----------
    down : bool
        Whether every broker was lost, as far as is known.
    """

    def __init__(self, name: str) -> None:
        self.down = False
        self._name = name
        self._refusal: ScorekitError | None = None
        self._why: str | None = None

    def hear(self, error: KafkaError) -> None:
        """Remember what an error means."""
        if error.name() == "_ALL_BROKERS_DOWN":
            self.down = True
        elif error.name() in _UNCONNECTED:
            self._why = _of_one_broker(error.str())
        elif error.fatal() or error.name() in _REFUSALS or _about_certificates(error):
            self._refusal = refused(self._name, error)

    def check(self) -> None:
        """Raise what will not pass.

        Raises
        ------
        Unreachable
        """
        if self._refusal is not None:
            raise self._refusal

    def partitions(self, client: Any, topic: str, code: str, serve: Callable[[], object]) -> int:
        """How many a topic has.

        Parameters
        ----------
        client : Consumer or Producer
        topic : str
        code : str
            Of the error, if there is no such topic.
        serve : callable
            Lets the client say what it has to say.

        Raises
        ------
        Trouble
            If no broker says so.
        UsageError
            If there is no such topic.
        Unreachable
            If it is not to be had.
        """
        try:
            found = client.list_topics(topic, timeout=_WITHIN).topics[topic]
        except KafkaException as failure:
            serve()
            self.check()
            raise trouble_or_refusal(self._name, failure.args[0], self._why) from None
        if found.error is None:
            self.down, self._why = False, None
            return len(found.partitions)
        if found.error.name() in ("UNKNOWN_TOPIC_OR_PART", "TOPIC_EXCEPTION"):
            raise UsageError(f"{self._name}: the broker has no such topic", hint="create it", code=code)
        raise trouble_or_refusal(self._name, found.error)


_WITHIN = 2.0
"""Seconds in which a broker answers."""
_UNCONNECTED = ("_TRANSPORT", "_RESOLVE")


def trouble_or_refusal(name: str, error: KafkaError, why: str | None = None) -> Trouble | Unreachable:
    """What may pass, or what will not.

    Parameters
    ----------
    name : str
        What is named in messages.
    error : KafkaError
    why : str, optional
        What is known beside it.
    """
    if error.name() in _PASSING or (error.retriable() and not error.fatal()):
        said = why or error.str()
        return Trouble(f"no broker answers ({said})", hint="check that one runs, its host and its port")
    return refused(name, error)


def _of_one_broker(text: str) -> str:
    """What the client says of a broker, less the broker's name and its own state."""
    return text.partition(": ")[2].partition(" (after ")[0] or text


def refused(name: str, error: KafkaError) -> Unreachable:
    """What will not pass, as a user meets it."""
    hint = _CERTIFICATE if _about_certificates(error) else _REFUSALS.get(error.name())
    return Unreachable(f"{name}: {error.str()} ({error.name()})", hint=hint)


def _about_certificates(error: KafkaError) -> bool:
    return error.name() == "_SSL" and "certificate" in error.str().lower()
