"""A key's rotation period is kept and told.

moto drops `RotationPeriodInDays`; AWS keeps 90 to 2,560 days, 365 unless told otherwise, and answers with the
period and the next date.
"""

from __future__ import annotations

import importlib
import json
from datetime import timedelta
from typing import Any

_DEFAULT_DAYS = 365


def apply() -> None:
    """Extend the rotation operations of moto's KMS."""
    response: Any = importlib.import_module("moto.kms.responses").KmsResponse
    validation: Any = importlib.import_module("moto.kms.exceptions").ValidationException
    enable, status = response.enable_key_rotation, response.get_key_rotation_status

    def key_of(self: Any) -> Any:
        return self.kms_backend.keys[self.kms_backend.any_id_to_key_id(self._get_param("KeyId"))]

    def enable_key_rotation(self: Any) -> str:
        days = self._get_param("RotationPeriodInDays")
        if days is not None and not 90 <= int(days) <= 2560:
            raise validation(f"RotationPeriodInDays must be 90 to 2560, not {days}")
        answer: str = enable(self)
        vars(key_of(self))["localcloud_rotation_days"] = int(days or _DEFAULT_DAYS)
        return answer

    def get_key_rotation_status(self: Any) -> str:
        answer = json.loads(status(self))
        if answer["KeyRotationEnabled"]:
            key = key_of(self)
            days = vars(key).get("localcloud_rotation_days", _DEFAULT_DAYS)
            answer["RotationPeriodInDays"] = days
            answer["NextRotationDate"] = key.creation_date + timedelta(days=days).total_seconds()
            answer["KeyId"] = key.id
        return json.dumps(answer)

    response.enable_key_rotation = enable_key_rotation
    response.get_key_rotation_status = get_key_rotation_status
