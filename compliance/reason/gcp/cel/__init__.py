"""The Common Expression Language, as conditions of Google Cloud use it, over known and unknown values."""
