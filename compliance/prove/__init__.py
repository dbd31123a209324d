"""The proof: for every ordered pair of tenants and every path, that no request can succeed, or one that can."""
