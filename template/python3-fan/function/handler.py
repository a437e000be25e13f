"""The smallest function: answers with what it was sent."""

from typing import Any


def handle(event: Any, context: Any) -> dict[str, Any]:
    """Return the request's body unchanged."""
    return {"statusCode": 200, "body": event.body.decode("utf-8", "replace")}
