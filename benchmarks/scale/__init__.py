"""Ten thousand accounts on paper: the collectors' own calls against the clouds' own quotas, in simulated time."""
