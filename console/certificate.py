"""The page's certificate, taken anew when its files change: nobody has to start the page again for it.

uvicorn reads a certificate once, and a restart would end every log-in. So the files are looked at with each handshake.
"""

import os
import ssl

import uvicorn

from fanwatch.logs import Log

_State = tuple[tuple[int, int, int], ...] | None


def follow(config: uvicorn.Config, log: Log) -> None:
    """Looks at the files of `config` at each handshake; without them it does nothing.

    What cannot be used, such as a certificate whose key is not there yet, is reported once; until that changes, the
    page goes on with what it has.
    """
    if not config.ssl_certfile or not config.ssl_keyfile:
        return
    certificate, key = str(config.ssl_certfile), str(config.ssl_keyfile)
    # Before they are read: what comes in between is only read twice.
    seen = _state(certificate, key)
    config.load()
    serving = config.ssl
    assert serving is not None

    def look(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        nonlocal seen
        found = _state(certificate, key)
        if found == seen:
            return
        seen = found
        # This connection has the old one already, so it gets another context; and a pair that does not fit, loaded into
        # the context that serves, would leave that without any.
        fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            for each in (fresh, serving):
                each.load_cert_chain(certificate, key)
        except OSError as error:  # ssl.SSLError is one
            log.warning(
                "the page's new certificate cannot be used, the one before stays",
                file=certificate,
                why=error.strerror or str(error),
                hint="make one with `fanwatch certs page`, and leave both files to the page's user",
            )
            return
        connection.context = fresh
        log.info("new certificate taken", file=certificate)

    serving.sni_callback = look


def _state(*paths: str) -> _State:
    """Differs once one of the files was replaced or written; None where one is missing."""
    try:
        found = [os.stat(path) for path in paths]
    except OSError:
        return None
    return tuple((each.st_ino, each.st_mtime_ns, each.st_ctime_ns) for each in found)
