"""Runs the terminal sessions of the documents, and writes what they print.

A session is a fenced block marked ``console``: lines that begin with ``$ `` are run,
by bash and in order, all sessions of a document in one folder that holds a copy of
``examples``. What stands between them is what was printed.

python docs/sessions.py README.md docs/*.md            # run, and say what differs
python docs/sessions.py --write README.md docs/*.md    # run, and write what was printed
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "\x01"

_CHANGING = (
    (re.compile(r"\b\d[\d,.]* (s\b|rows/s|MiB|KiB|kB|MB)"), r"# \1"),
    (re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{12,64}\b…?"), "<digest>"),
    (re.compile(r"(?<=rows \(within )\d\.\de[+-]\d\d"), "#"),
    (re.compile(r"(?<=age=)[\d.]+s"), "#s"),
    (re.compile(r" +$", re.MULTILINE), ""),
    (re.compile(r"(?<=\S) {2,}"), "  "),
)
"""What is another each time: seconds and rates, dates, digests, the last digits of a proof."""


@dataclass(frozen=True)
class Command:
    """A command of a session and what it printed."""

    text: str
    output: str


def sessions(document: str) -> list[list[Command]]:
    """The sessions of a document."""
    return [_commands(found[1]) for found in _FENCE.finditer(document)]


def _commands(block: str) -> list[Command]:
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        text, _, output = part.partition("\n")
        while text.endswith("\\"):
            more, _, output = output.partition("\n")
            text = f"{text}\n{more}"
        found.append(Command(text, output))
    return found


def run(document: str) -> list[list[Command]]:
    """Run the sessions of a document.

    Raises
    ------
    SystemExit
        If a command fails and the next one does not ask for its exit code.
    """
    given = sessions(document)
    script = "\n".join(
        f"( exit $code )\n{command.text}\ncode=$?; printf '{_MARK}%d{_MARK}' $code"
        for session in given
        for command in session
    )
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "examples", Path(folder) / "examples", ignore=shutil.ignore_patterns("out"))
        done = subprocess.run(
            ["bash", "-c", f"code=0\n{script}"],
            check=False,
            cwd=folder,
            env=_environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
    parts = done.stdout.split(_MARK)
    printed = list(zip(parts[0::2], parts[1::2], strict=False))
    flat = [command for session in given for command in session]
    for number, (command, (output, code)) in enumerate(zip(flat, printed, strict=True)):
        following = flat[number + 1].text if number + 1 < len(flat) else ""
        if code != "0" and "$?" not in following:
            raise SystemExit(f"$ {command.text}\n{output}\nexit code {code}")
    answers = iter(printed)
    return [[Command(command.text, next(answers)[0]) for command in session] for session in given]


def _environment(folder: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SCOREKIT_", "AWS_", "PYTEST_", "COV_"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    fixed = {"COLUMNS": "88", "NO_COLOR": "1", "HOME": folder, "USER": "ada", "LOGNAME": "ada"}
    return {**kept, **fixed, "PATH": path}


def steady(text: str) -> str:
    """What was printed, less what is another each time."""
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text


def differences(path: Path) -> str:
    """How the sessions of a document differ from what they print now; empty if they do not."""
    document = path.read_text()
    before, now = sessions(document), run(document)
    return "\n".join(
        line
        for old, new in zip(before, now, strict=True)
        for one, other in zip(old, new, strict=True)
        for line in difflib.unified_diff(
            steady(one.output).splitlines(),
            steady(other.output).splitlines(),
            f"{path.name}: $ {one.text}",
            "what it prints",
            lineterm="",
        )
    )


def write(path: Path) -> None:
    """Put what the sessions of a document print now into it."""
    document = path.read_text()
    blocks = iter(run(document))
    made = _FENCE.sub(lambda _: _written(next(blocks)), document)
    if steady(made) != steady(document):
        path.write_text(made)


def _written(session: list[Command]) -> str:
    lines = []
    for command in session:
        lines += [f"$ {command.text}", *(line.rstrip() for line in command.output.splitlines())]
    return "\n".join(["```console", *lines, "```"])


def main() -> None:
    """Compare or write the documents that are named."""
    writing = "--write" in sys.argv
    failed = False
    for name in (argument for argument in sys.argv[1:] if not argument.startswith("-")):
        path = Path(name)
        if writing:
            write(path)
        elif found := differences(path):
            failed = True
            print(found)
    sys.exit(failed)


if __name__ == "__main__":
    main()
