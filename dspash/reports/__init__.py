"""Reports: what is known of a run, as a page that needs no network, and as charts."""

from __future__ import annotations

from dspash.reports.charts import CHARTS, ChartFormat, draw_chart
from dspash.reports.run_findings import RunFindings, read_run
from dspash.reports.run_page import page_of_run

__all__ = ["CHARTS", "ChartFormat", "RunFindings", "draw_chart", "page_of_run", "read_run"]
