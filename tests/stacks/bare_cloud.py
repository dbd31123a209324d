"""moto on a free port of this machine, without the gateway: enough for Terraform to deploy to, proof of nothing else.

The product's own local cloud authorises requests. Here only the provider's calls and the converging are of interest.
"""

import moto.kms.responses
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer


class BareCloud:
    """Started on construction; `endpoint`, and `credentials` of an administrator of the management account."""

    def __init__(self, management_account_id: str, port: int = 0) -> None:
        # moto compares KMS policies without their conditions, so it would refuse what every policy of ours allows.
        self._validate = moto.kms.responses.validate_policy
        moto.kms.responses.validate_policy = lambda *_arguments: None
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        self._server.start()
        host, self.port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{self.port}"
        backend = iam_backends[management_account_id]["aws"]
        backend.create_user("us-east-1", "administrator")
        key = backend.create_access_key("administrator")
        self.credentials = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}

    def stop(self) -> None:
        """Stops the server and puts moto back as it was."""
        self._server.stop()
        moto.kms.responses.validate_policy = self._validate
