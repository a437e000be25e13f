"""Who is behind the page that is being built, or behind the event that is being handled.

NiceGUI takes an event from any socket that names a page's id. So each event is checked here against the session that
opened the page, and sockets are closed once it has ended.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from nicegui import Client, core, ui

from console.auth.sessions import SEAT, Seat, Visitor
from fanwatch.errors import FanwatchError
from fanwatch.settings import AccessSettings, BrokerSettings

Handler = Callable[..., Any]

_LOOK_S = 5.0


class LoggedOut(FanwatchError):
    """The session has ended."""

    status = 401


class Forbidden(FanwatchError):
    """They are known and may not do this."""

    status = 403


def visitor() -> Visitor:
    """Who it is now. LoggedOut once the session has ended: asked with each use, never remembered."""
    found = _seat(ui.context.client).visitor
    if found is None:
        raise LoggedOut("You are logged out. Log in again to go on.")
    return found


def technician() -> Visitor:
    """The same, of somebody who may act. Forbidden for a viewer, whatever their page shows."""
    found = visitor()
    if not found.may_act:
        raise Forbidden(f"{found.name} may look only. Ask for the role technician to act.")
    return found


def _seat(client: Client) -> Seat:
    found = client.request.scope.get(SEAT)
    if not isinstance(found, Seat):
        # The middleware was left out: then nobody may do anything.
        raise LoggedOut("Nobody looked who you are.")
    return found


def operator(access: AccessSettings, broker: BrokerSettings) -> BrokerSettings | None:
    """The broker's settings with the user that may send dead letters again.

    None where the broker knows users and none was given for this: the console's own may read only.
    """
    if access.operator_user is None:
        return broker if broker.broker_user is None else None
    return msgspec.structs.replace(
        broker, broker_user=access.operator_user, broker_password_file=access.operator_password_file
    )


def guard_sockets() -> None:
    """Lets a page be reached only by sockets of its session, while that lasts. Once, before the server starts."""
    handlers: dict[str, Handler] = core.sio.handlers["/"]
    for name in ("connect", "handshake", "event", "javascript_response", "ack", "log"):
        handlers[name] = _checked(handlers[name])


async def end_sockets() -> None:
    """Ends the sockets of sessions that are over, for they are told of the fleet without asking; until cancelled."""
    while True:
        await asyncio.sleep(_LOOK_S)
        for client in list(Client.instances.values()):
            seat = client.request.scope.get(SEAT)
            if client.has_socket_connection and (not isinstance(seat, Seat) or seat.visitor is None):
                for sid, _ in list(core.sio.manager.get_participants("/", client.id)):
                    await core.sio.disconnect(sid)


def _checked(handler: Handler) -> Handler:
    async def check(sid: str, content: dict[str, Any], *rest: object) -> Any:
        # On connect the content is the socket's environment, whose query names the page.
        page = content.get("client_id") or _asked(content)
        client = Client.instances.get(page) if isinstance(page, str) else None
        socket = (core.sio.get_environ(sid) or {}).get("asgi.scope", {}).get(SEAT)
        if client is not None and not _belongs(socket, client):
            await core.sio.disconnect(sid)
            return False
        found = handler(sid, content, *rest)
        return await found if inspect.isawaitable(found) else found

    return check


def _belongs(socket: object, client: Client) -> bool:
    opened = client.request.scope.get(SEAT)
    if not isinstance(socket, Seat) or not isinstance(opened, Seat):
        return False
    return socket.same(opened) and opened.visitor is not None


def _asked(environ: dict[str, Any]) -> str | None:
    return parse_qs(str(environ.get("QUERY_STRING", ""))).get("client_id", [None])[0]
