"""One verifier per kind of evidence: bytes in, claims out, no policy inside."""
