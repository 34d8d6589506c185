"""Answers what a source holds, a hundred messages at a time, until it is stopped.

    python reader.py SOURCE SINK SECONDS

Says when it has a batch, and holds it for so long before it is acknowledged.
"""

from __future__ import annotations

import sys
import time

from scorekit.feeds.uris import connect


def main(source_uri: str, sink_uri: str, hold: str) -> None:
    source, sink = connect(source_uri).source(100, None), connect(sink_uri).sink()
    while (messages := source.receive(100, 1, 0.05)) is not None:
        if not messages:
            continue
        sink.send([b"<%b>" % message.value for message in messages], messages)
        print(len(messages), flush=True)
        time.sleep(float(hold))
        source.acknowledge(messages)


if __name__ == "__main__":
    main(*sys.argv[1:])
