"""A user can have a permissions boundary.

moto has them for roles only and silently drops a user's, which would allow what AWS denies.
"""

from __future__ import annotations

import importlib
from typing import Any

from localcloud.deployed.identities import BOUNDARY


def apply() -> None:
    """Keep, change and remove the boundary of a user."""
    response: Any = importlib.import_module("moto.iam.responses").IamResponse
    exceptions: Any = importlib.import_module("moto.iam.exceptions")
    result: Any = importlib.import_module("moto.core.responses").EmptyResult
    original = response.create_user

    def user_of(self: Any) -> Any:
        return self.backend.get_user(self._get_param("UserName"))

    def boundary_of(self: Any) -> str:
        arn = str(self._get_param("PermissionsBoundary") or "")
        if ":policy/" not in arn:
            raise exceptions.InvalidInput(f"Value ({arn}) for parameter PermissionsBoundary is invalid.")
        return arn

    def create_user(self: Any) -> Any:
        arn = boundary_of(self) if self._get_param("PermissionsBoundary") else None
        answer = original(self)
        if arn:
            vars(user_of(self))[BOUNDARY] = arn
        return answer

    def put_user_permissions_boundary(self: Any) -> Any:
        vars(user_of(self))[BOUNDARY] = boundary_of(self)
        return result()

    def delete_user_permissions_boundary(self: Any) -> Any:
        vars(user_of(self)).pop(BOUNDARY, None)
        return result()

    response.create_user = create_user
    response.put_user_permissions_boundary = put_user_permissions_boundary
    response.delete_user_permissions_boundary = delete_user_permissions_boundary
