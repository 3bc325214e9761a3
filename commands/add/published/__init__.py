"""What importers of published datasets share: photos without copies, findings, report, and placing."""
