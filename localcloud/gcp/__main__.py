"""`python -m localcloud.gcp DIRECTORY` runs the Google Cloud half in the foreground."""

from localcloud.gcp.server import main

main()
