"""Reports of a day, a week or four weeks, filled in from the journals."""
