"""Who may do what: pure functions that return policy documents."""
