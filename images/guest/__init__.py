"""What runs inside the booted node besides the trainer; standard library only, and no import of ours outside it."""
