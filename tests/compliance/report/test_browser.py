"""The report in a real browser: it renders, filters, and works from the keyboard. Needs Chromium on PATH."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from compliance.report import html
from compliance.report.model import report_of
from compliance.rules.judge import judge
from tests.compliance.bundles import write
from tests.compliance.rules.breaks import data
from tests.compliance.world import world

pytestmark = pytest.mark.e2e
CHECK = """<script>
const shown = () => [...document.querySelectorAll(".finding[data-tenant]")].filter((one) => !one.hidden).length;
const said = [];
said.push("all=" + shown());
form.tenant.value = "globex"; form.dispatchEvent(new Event("change"));
said.push("globex=" + shown());
form.tenant.value = ""; form.dispatchEvent(new Event("change"));
const first = document.querySelector(".finding summary"); first.focus();
said.push("focus=" + (document.activeElement === first));
first.click(); said.push("open=" + first.parentElement.open);
location.hash = document.querySelector(".finding .fact").getAttribute("href"); open();
said.push("ledger=" + document.querySelector(".ledger").open);
said.push("wide=" + (document.documentElement.scrollWidth > innerWidth));
document.title = said.join(" ");
</script></body>"""


def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    pytest.fail("no Chromium on PATH: install the package `chromium`")


@pytest.mark.parametrize("size", ["1280,900", "390,844"])
def test_filters_keyboard_and_width(tmp_path, size):
    made = world()
    data.BREAKS["storage.versioned"](made)
    found = write(made, tmp_path / "bundle")
    page = html.render(report_of(found, judge(found)))
    path = tmp_path / "report.html"
    path.write_text(page.replace("</body>", CHECK), encoding="utf-8")
    profile = tmp_path / "profile"
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command += [f"--window-size={size}", "--virtual-time-budget=2000", "--dump-dom", path.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = dom.partition("<title>")[2].partition("</title>")[0]
    assert title == "all=1 globex=0 focus=true open=true ledger=true wide=false"
