"""What became of every second: the accounting, the report for people, and previews of single clips."""
