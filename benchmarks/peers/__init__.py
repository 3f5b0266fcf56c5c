"""One file for each peer; each serves the same scenarios (see `benchmarks.workload`).

A peer module has:

`DISTRIBUTIONS`  what is installed and whose versions are printed; the first is the peer itself.
`NOTES`          scenario name -> a remark printed under the table.
`UNAVAILABLE`    scenario name -> why the peer cannot serve it (optional).
`base()`         an ASGI application: `GET /`, `POST /echo`, `POST /typed`, `GET /stream`, WebSocket `/ws`.
`routes()`       an ASGI application of the 200 routes of `workload.paths`.
`hooks()`        an ASGI application: `GET /` behind five steps before and five after.
`transfer()`     an ASGI application for uploads and downloads (only the peers compared there).

Rules: whatever a peer's own documentation shows as the fast way is used. Every peer encodes and decodes JSON
with a compiled library (msgspec, or orjson where the peer picks it up by itself) through its documented means, so that
frameworks are compared and not JSON libraries. Debug and access logs are off.
"""
