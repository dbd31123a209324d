"""What agent and worker say to each other over their UNIX socket."""
