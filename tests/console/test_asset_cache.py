"""What is kept of the page's own files, and what never is."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.asset_cache import AssetCache

FILE = "/_nicegui/3/static/quasar.js"
PLAIN = {"Accept-Encoding": "identity"}


def test_files_are_compressed_once_and_whatever_else_is_asked_anew() -> None:
    # Playwright's own loop has this thread once a browser was asked for.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(_files_are_compressed_once())).result(60)


async def _files_are_compressed_once() -> None:
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        status = int(request.query_params.get("status") or 200)
        return Response(f"{request.url} " * 500, status, media_type="text/javascript")

    app = Starlette(routes=[Route("/{path:path}", answer)])
    app.add_middleware(GZipMiddleware)
    app.add_middleware(AssetCache)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:

        async def times(path: str, headers: dict[str, str] | None = None) -> int:
            """How often the application is asked for two requests of the same."""
            before = len(asked)
            first, second = [await client.get(path, headers=headers) for _ in range(2)]
            assert (first.content, first.headers) == (second.content, second.headers)
            assert first.status_code == second.status_code
            return len(asked) - before

        assert await times(FILE) == 1
        assert (await client.get(FILE)).headers["content-encoding"] == "gzip"
        # Who cannot unpack gets it as it is.
        assert await times(FILE, PLAIN) == 1
        assert "content-encoding" not in (await client.get(FILE, headers=PLAIN)).headers
        assert await times("/assets/fleet.css?v=1") == 1
        assert await times("/assets/fleet.css?v=2") == 1
        assert await times("/assets/gone.css?status=404") == 2
        assert await times(FILE, {"If-None-Match": '"x"'}) == 2
        assert await times("/_nicegui/3/dynamic_resources/codehilite.css") == 2
        assert await times("/fan/fan-01") == 2
        # Junk in the query fills it up at most, and what is kept already stays.
        for number in range(30):
            await client.get(f"/assets/x?{number}={'y' * 400}", headers=PLAIN)
        assert await times(f"/assets/late?{'y' * 400}", PLAIN) == 2
        assert await times(FILE) == 0
