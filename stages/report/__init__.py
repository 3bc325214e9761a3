"""Turn predictions into metrics with intervals, plots, contact sheets and one HTML page."""
