"""Facts: raw answers of the cloud's APIs, hashed, with the call that produced each, in an append-only bundle."""
