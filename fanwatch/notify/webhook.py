"""Alarms over HTTP: FANWATCH_WEBHOOK_URL gets a POST for each message, with its key as Idempotency-Key."""

from typing import ClassVar

import msgspec
import requests

from fanwatch.errors import SettingsError
from fanwatch.http_session import no_answer, session_to
from fanwatch.logs import Log
from fanwatch.messages.alarm import Alarm
from fanwatch.notify.channel import Channel
from fanwatch.notify.outages import Many
from fanwatch.settings import ForecastSettings, secret
from fanwatch.store.influx import Store


class Webhook(Channel):
    """See `Channel`."""

    way: ClassVar[str] = "webhook"

    def __init__(self, settings: ForecastSettings, store: Store, log: Log) -> None:
        """SettingsError for an address that is none."""
        url = secret(settings.webhook_url_file, "FANWATCH_WEBHOOK_URL_FILE") or settings.webhook_url
        if url and not url.startswith(("http://", "https://")):
            raise SettingsError("FANWATCH_WEBHOOK_URL is no address such as https://example.com/alarms.")
        super().__init__(url, store, log)
        self._timeout_s = settings.webhook_timeout
        self._session = session_to(url or "")

    def post(self, key: str, about: Alarm | Many) -> str | None:
        """See `Channel`."""
        content = about.content() if isinstance(about, Many) else _content(about)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            # A redirect is not followed: it would make a GET of the POST, and take the page it gets for a success.
            with self._session.post(
                str(self.address),
                msgspec.json.encode(content),
                headers=headers,
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                code = answer.status_code
        except (requests.RequestException, ValueError) as error:
            return f"it gave no answer ({no_answer(error)})"
        if code < 300:
            return None
        moved = ", a redirect, which is not followed: set FANWATCH_WEBHOOK_URL to where it leads"
        return f"it answered {code}{moved if code < 400 else ''}"


def _content(alarm: Alarm) -> dict[str, object]:
    text = f"{alarm.deviceID}: {alarm.state}. {alarm.why}"
    return {"text": text, **msgspec.to_builtins(alarm)}
