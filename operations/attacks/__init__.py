"""The attack suite: what another tenant would try, really tried against the local cloud."""
