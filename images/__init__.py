"""The measured image: build, measure, boot, publish."""
