"""The decision log keeps the newest decisions and does not fill the disk."""

import json
from datetime import UTC, datetime

from localcloud.access import Access, Decision, Request
from localcloud.decisions import DecisionLog
from localcloud.identity import ANONYMOUS


def test_a_full_log_is_put_aside_and_begun_anew(tmp_path):
    path = tmp_path / "decisions.jsonl"
    log = DecisionLog(path, largest=1000)
    for number in range(100):
        access = Access("s3:GetObject", f"arn:aws:s3:::bucket/{number}", "1" * 12)
        log.record(datetime.now(UTC), Request(ANONYMOUS, "us-east-1", (access,)), access, Decision(True, "test"))
    parts = [tmp_path / "decisions.jsonl.1", path]
    seen = [json.loads(line)["resource"] for part in parts for line in part.read_text().splitlines()]
    assert seen[-1].endswith("/99")
    assert seen == sorted(seen, key=lambda arn: int(arn.rpartition("/")[2]))
    assert sum(part.stat().st_size for part in tmp_path.iterdir()) < 2 * 1000 + 500
