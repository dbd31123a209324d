"""The rules, by room, and what judges facts by them."""
