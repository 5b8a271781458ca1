"""Who may call the gateway. With a database LiteLLM keeps keys and users itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

if TYPE_CHECKING:
    from fastapi import Request

USERS = {"sk-ada": "ada", "sk-grace": "grace"}


async def authenticate(_request: Request, api_key: str) -> UserAPIKeyAuth:
    """Return whose key it is.

    Raises:
        HTTPException: it is nobody's.
    """
    if api_key not in USERS:
        raise HTTPException(401, "unknown key")
    user = USERS[api_key]
    return UserAPIKeyAuth(api_key=api_key, user_id=user, key_alias=f"key of {user}")
