"""How fast a scan is and what it needs: beside public scanners on the same cloud, and over the size of a fleet."""
