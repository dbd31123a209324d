"""Process nodes: a process in place of a machine of the local cloud, with a software TPM that tells what it runs."""
