"""Network reachability by header-space search over the facts of `aws ec2 describe-*`.

`Network.load(documents)` builds the network, `reach(network, source, target)` answers for one pair of ends,
`reach_all(network, tenants)` for every ordered pair of tenants.
"""

from compliance.reason.network.documents import FactDocument, read_directory
from compliance.reason.network.from_facts import documents_of
from compliance.reason.network.network import Network
from compliance.reason.network.pairs import AllPairs, reach_all
from compliance.reason.network.protocols import Header
from compliance.reason.network.reach import Reach, reach

__all__ = [
    "AllPairs",
    "FactDocument",
    "Header",
    "Network",
    "Reach",
    "documents_of",
    "reach",
    "reach_all",
    "read_directory",
]
