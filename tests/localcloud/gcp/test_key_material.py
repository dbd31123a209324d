"""Keys of the local cloud that many callers use at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from localcloud.gcp.key_material import KeyMaterial

CALLERS = 16


def test_a_key_first_used_by_many_at_once_is_one_key_and_is_kept(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"{number}.json"
        keys, start = KeyMaterial(path), Barrier(CALLERS)

        def use(caller: int, keys: KeyMaterial = keys, start: Barrier = start) -> bytes:
            start.wait(60)
            sealed = keys.encrypt("ring/key", str(caller).encode(), b"")
            keys.versions(f"ring/other-{caller}")
            assert sealed is not None
            return sealed[1]

        with ThreadPoolExecutor(CALLERS) as pool:
            sealed = list(pool.map(use, range(CALLERS)))
        for again in (keys, KeyMaterial(path)):
            assert [again.decrypt("ring/key", one, b"") for one in sealed] == [
                (1, str(caller).encode()) for caller in range(CALLERS)
            ]
