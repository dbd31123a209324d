"""Reading sealed data sets in the worker: tables of declared columns, and the resumable loader."""
