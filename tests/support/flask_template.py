"""The calling convention of OpenFaaS's official Python template, in Flask, to run our handlers behind it."""

import importlib.util
import socket
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import flask

ROOT = Path(__file__).resolve().parents[2]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def import_handler(function: str) -> ModuleType:
    """A fresh import of functions/<function>/handler.py, as at the start of a process."""
    file = ROOT / "functions" / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"handler_of_{function}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def app(handle: Callable[[Any, Any], Any]) -> flask.Flask:
    """A Flask app that calls the handler as the official template's index.py does.

    The event holds the raw body, Flask's headers, method, query and path. Of what the handler returns, a
    missing status is 200, a body that is exactly a dict becomes JSON, and any other but bytes its str().
    """
    served = flask.Flask("index")

    def call(path: str = "") -> flask.Response:
        event = SimpleNamespace(
            body=flask.request.get_data(),
            headers=flask.request.headers,
            method=flask.request.method,
            query=flask.request.args,
            path=flask.request.path,
        )
        result = handle(event, SimpleNamespace(hostname=socket.gethostname()))
        body = result.get("body", "")
        if type(body) is dict:
            answer = flask.jsonify(body)
        else:
            answer = flask.make_response(body if isinstance(body, bytes) else str(body))
        answer.status_code = result.get("statusCode", 200)
        for name, value in result.get("headers", {}).items():
            answer.headers[name] = value
        return answer

    served.add_url_rule("/", "root", call, methods=METHODS)
    served.add_url_rule("/<path:path>", "path", call, methods=METHODS)
    return served
