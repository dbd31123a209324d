"""The worker's confinement: namespaces, a small root of its own, Landlock, seccomp, resource limits."""
