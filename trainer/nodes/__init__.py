"""Several nodes of one job: they recognise each other, join in an encrypted network, and notice when one is lost."""
