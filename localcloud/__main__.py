"""`python -m localcloud DIRECTORY MANAGEMENT_EMAIL REGION` runs the local cloud in the foreground."""

from localcloud.server import main

main()
