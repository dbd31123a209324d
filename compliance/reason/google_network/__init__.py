"""Packets on Google Cloud's networks: can any get from one end to another, by the facts of Cloud Asset Inventory?"""

from compliance.reason.google_network.documents import looks_google, read_google_directory
from compliance.reason.google_network.facts import load
from compliance.reason.google_network.model import Fabric
from compliance.reason.google_network.reach import GoogleReach, reach_google

__all__ = ["Fabric", "GoogleReach", "load", "looks_google", "reach_google", "read_google_directory"]
