"""Google Cloud as the trainer meets it: where its services answer, and as whom a node asks them."""
