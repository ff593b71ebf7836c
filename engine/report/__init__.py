"""Reports for people outside: made of published events and the specification alone (7.2, 13.2)."""
