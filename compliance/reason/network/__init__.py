"""Network reachability by header-space search over the facts of `aws ec2 describe-*`.

`Network.load(documents)` builds the network, `reach(network, source, target)` answers for one pair of ends.
"""

from compliance.reason.network.documents import FactDocument, read_directory
from compliance.reason.network.network import Network
from compliance.reason.network.protocols import Header
from compliance.reason.network.reach import Reach, reach

__all__ = ["FactDocument", "Header", "Network", "Reach", "reach", "read_directory"]
