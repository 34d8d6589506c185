"""Publishing what a job has trained: once, whichever attempt of it gets there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from scorekit.jobs.queue import Jobs
from scorekit.state.jobs import Job
from scorekit.store.manifest import CARD_FILE, Manifest
from scorekit.store.objects import Content
from scorekit.store.references import Ref
from scorekit.store.versions import Store


class Publication:
    """Publishes as ``training.train`` asks for it.

    Parameters
    ----------
    jobs : Jobs
    job : Job
        As it was claimed.
    """

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs = jobs
        self._job = job

    def __call__(self, store: Store, manifest: Manifest, files: Mapping[str, Content]) -> Manifest:
        """Publish under the number that is reserved; where others have it, under the next.

        Raises
        ------
        LeaseLost
            If the job is another worker's, or was cancelled.
        """
        named = msgspec.structs.replace(manifest, job=self._job.id)
        if "upload" in self._job.request:
            named, files = self._without_folder(named, files)
        number = self._jobs.reserve(self._job, store.next_version(manifest.name))
        while (published := self._published(store, number, named, files)) is None:
            number = self._jobs.reserve(self._job, store.next_version(manifest.name), number)
        self._jobs.appoint(replace(self._job, version=published.version))
        return published

    def _without_folder(
        self, manifest: Manifest, files: Mapping[str, Content]
    ) -> tuple[Manifest, Mapping[str, Content]]:
        """Name uploaded data without the folder that it was kept in: soon there is none."""
        folder = f"{self._jobs.uploads.of(self._job.id)}/"
        replaced = msgspec.structs.replace
        read = tuple(replaced(file, uri=file.uri.removeprefix(folder)) for file in manifest.training.files)
        card = {
            name: content.replace(folder.encode(), b"")
            for name, content in files.items()
            if name == CARD_FILE and isinstance(content, bytes)
        }
        return replaced(manifest, training=replaced(manifest.training, files=read)), {**files, **card}

    def _published(
        self, store: Store, number: int, manifest: Manifest, files: Mapping[str, Content]
    ) -> Manifest | None:
        made = store.publish_at(number, manifest, files, attempt=self._job.token)
        ref = Ref(manifest.name, number)
        if made is None and store.close(ref, self._job.id):
            return store.inspect(ref)[0]
        return made
