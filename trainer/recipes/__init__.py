"""Recipes: what is trained. A recipe makes the model, turns batches into tensors, and says what the loss is."""
