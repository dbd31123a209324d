"""Where training data comes from: every source is a schema and batches of rows."""
