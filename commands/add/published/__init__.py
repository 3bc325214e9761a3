"""What the importers of published datasets share: photos without copies, findings, the report, and placing."""
