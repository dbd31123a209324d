"""Control catalogues as data: objectives of the rules, and the controls that each supports."""
