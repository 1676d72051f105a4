"""Signed calls to the API of a CloudStack that somebody else runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from sdn_orch.errors import SdnOrchError
from sdn_orch.northbound.cloudstack.signing import canonical, sign

JSON = dict[str, Any]

#: Seconds for one answer, and for a job.
_TIMEOUT, _JOB_TIMEOUT, _PAUSE = 30.0, 120.0, 0.5


class CallRefused(SdnOrchError):
    """CloudStack refused a call, or could not be asked; nothing of ours has changed."""


class Api:
    """A root administrator's calls. Names and values are CloudStack's own."""

    def __init__(self, endpoint: str, key: str, secret: str) -> None:
        self._endpoint = endpoint
        self._key = key
        self._secret = secret
        self._client = httpx.Client(timeout=_TIMEOUT)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, command: str, **arguments: object) -> JSON:
        """What a call answers, and of one that makes a job the job's result. Raises CallRefused."""
        answer = self._ask(command, {name: str(value) for name, value in arguments.items()})
        if "jobid" not in answer:
            return answer
        deadline = time.monotonic() + _JOB_TIMEOUT
        while time.monotonic() < deadline:
            job = self._ask("queryAsyncJobResult", {"jobid": answer["jobid"]})
            if job.get("jobstatus") == 1:
                return dict(job.get("jobresult") or {})
            if job.get("jobstatus") == 2:
                result = job.get("jobresult") or {}
                raise CallRefused(f"{command}: {result.get('errortext', result)}")
            time.sleep(_PAUSE)
        raise CallRefused(f"{command}: its job {answer['jobid']} did not end in {_JOB_TIMEOUT:g} seconds")

    def listed(self, command: str, **arguments: object) -> list[JSON]:
        """What a list call lists."""
        answer = self.call(command, **arguments)
        return next((value for value in answer.values() if isinstance(value, list)), [])

    def _ask(self, command: str, arguments: Mapping[str, str]) -> JSON:
        given = {"command": command, "response": "json", "apiKey": self._key, **arguments}
        given["signature"] = sign(canonical(given, lower_sort=True), self._secret).decode()
        try:
            answer = self._client.post(self._endpoint, data=given)
            body = answer.json()
            ((_, said),) = body.items()
        except httpx.HTTPError as error:
            raise CallRefused(f"{self._endpoint}: {error or type(error).__name__}") from None
        except (ValueError, AttributeError):
            raise CallRefused(f"{self._endpoint} does not answer as CloudStack's API does") from None
        if answer.status_code != httpx.codes.OK or "errortext" in said:
            raise CallRefused(f"{command}: {said.get('errortext', answer.status_code)}")
        return dict(said)
