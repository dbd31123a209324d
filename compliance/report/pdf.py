"""The report as PDF: the HTML page printed by WeasyPrint, with its print style, and nothing fetched from anywhere."""

from __future__ import annotations

from typing import Any

from compliance.report import html
from compliance.report.model import Report


class PdfError(Exception):
    """The page asks for something from elsewhere, which a report never does."""


def render(report: Report) -> bytes:
    """The PDF, findings in full and the table of facts left to the bundle."""
    import weasyprint  # noqa: PLC0415 -- slow to import

    page: Any = weasyprint.HTML(string=html.render(report, paper=True), url_fetcher=_nothing)
    written: bytes = page.write_pdf()
    return written


def _nothing(url: str, *_rest: Any, **_more: Any) -> Any:
    msg = f"{url}: a report is self-contained; nothing is fetched"
    raise PdfError(msg)
