"""The scope that uvicorn builds. Imports nothing, so that the footprint's samples are not disturbed."""

HEADERS = [
    (b"host", b"api.shop.test:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"application/json, text/plain;q=0.9, */*;q=0.5"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"connection", b"keep-alive"),
]
"""What a browser sends; whoever asks sends the same."""


def http_scope(method, path, state, *more_headers):
    """The scope of one request.

    Args:
        method: The method asked with.
        path: The path asked for.
        state: What the lifespan keeps.
        more_headers: Pairs of bytes, after those of the browser.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 53210),
        "scheme": "http",
        "root_path": "",
        "headers": [*HEADERS, *more_headers],
        "state": state,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }
