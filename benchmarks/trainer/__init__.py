"""How fast the trainer's data path is, beside plain reading and beside its peers, in one run on one machine."""
