"""The neutral scenarios, driven through the public exchange."""
