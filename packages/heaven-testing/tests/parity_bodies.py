"""Scenarios of what a request's body holds, and of files that answer."""

from __future__ import annotations

import gzip
from typing import Any

from parity_scenarios import as_json, as_problem, as_text, exchange, parts, scenario, seen

MEBIBYTE = 1024 * 1024
JSON = {"content-type": "application/json"}


# Bodies

exchange(
    "body_of_bytes",
    "heaven",
    "POST",
    "/echo",
    (200, ["content-type: application/x-none", "x-framing: content-length", "content-length: 2"], "\x00ÿ"),
    content=b"\x00\xff",
)
exchange(
    "body_that_is_empty",
    "heaven",
    "POST",
    "/echo",
    (200, ["content-type: application/x-none", "x-framing: content-length", "content-length: 0"], ""),
)
exchange("json", "heaven", "POST", "/json", as_json('{"json":{"a":[1,null,"ä"]}}'), json={"a": [1, None, "ä"]})
exchange(
    "json_malformed",
    "heaven",
    "POST",
    "/json",
    as_problem(400, "Bad Request", ',"detail":"JSON is malformed: it ends too early (byte 5)"'),
    content=b'{"a":',
    headers=JSON,
)
exchange(
    "json_that_is_empty",
    "heaven",
    "POST",
    "/json",
    as_problem(400, "Bad Request", ',"detail":"The body is empty; JSON was expected"'),
    headers=JSON,
)
exchange(
    "json_of_another_type",
    "heaven",
    "POST",
    "/json",
    as_problem(
        415,
        "Unsupported Media Type",
        ',"detail":"Send JSON, with Content-Type: application/json."',
        "accept: application/json",
    ),
    content=b"{}",
    headers={"content-type": "text/plain"},
)
exchange(
    "json_compressed",
    "heaven",
    "POST",
    "/json",
    as_problem(
        415,
        "Unsupported Media Type",
        ',"detail":"Send the body as it is, without a Content-Encoding."',
        "accept-encoding: identity",
    ),
    content=gzip.compress(b"{}"),
    headers={**JSON, "content-encoding": "gzip"},
)
exchange("typed", "heaven", "POST", "/typed", as_json('{"id":7,"title":"x"}'), json={"id": 7, "title": "x", "more": 1})
exchange(
    "typed_and_wrong",
    "heaven",
    "POST",
    "/typed",
    as_problem(
        422,
        "Unprocessable Content",
        ',"detail":"2 values can\'t be accepted.","errors":[{"loc":["id"],"msg":"Expected `int`, got `str`"},{"loc":["title"],"msg":"Expected `str`, got `null`"}]',
    ),
    json={"id": "seven", "title": None},
)
exchange(
    "text_of_a_charset",
    "heaven",
    "POST",
    "/text",
    as_json('{"text":"café"}'),
    content=b"caf\xe9",
    headers={"content-type": "text/plain; charset=latin1"},
)
exchange(
    "text_that_is_none",
    "heaven",
    "POST",
    "/text",
    as_problem(400, "Bad Request", ',"detail":"The body is not text in the charset that its Content-Type names."'),
    content=b"caf\xe9",
)
exchange(
    "form",
    "heaven",
    "POST",
    "/form",
    as_json('{"fields":{"a":"1 & 2","b":"last"},"files":[]}'),
    data={"a": "1 & 2", "b": ["ü", "last"]},
)
exchange(
    "form_of_another_type",
    "heaven",
    "POST",
    "/form",
    as_problem(
        415,
        "Unsupported Media Type",
        ',"detail":"This takes a form: application/x-www-form-urlencoded or multipart/form-data."',
    ),
    json={},
)
exchange(
    "multipart",
    "heaven",
    "POST",
    "/form",
    as_json(
        '{"fields":{"title":"Grüße"},"files":[["one","ä b.txt","text/plain",4],["two","big.bin","application/octet-stream",1048576]]}'
    ),
    data={"title": "Grüße"},
    files={"one": ("ä b.txt", b"text", "text/plain"), "two": ("big.bin", b"x" * MEBIBYTE)},
)
exchange(
    "multipart_cut_off",
    "heaven",
    "POST",
    "/form",
    as_problem(400, "Bad Request", ',"detail":"The multipart body ends before its closing boundary."'),
    content=b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1',
    headers={"content-type": "multipart/form-data; boundary=x"},
)
exchange(
    "large_body",
    "heaven",
    "POST",
    "/sum",
    as_json('{"size":3200000,"sha256":"69cc92e41a3c392a040d45bd229a7e094995e7626c894611fc5864f2c4817c38"}'),
    content=b"0123456789abcdef" * 200_000,
)
exchange(
    "large_echo",
    "heaven",
    "POST",
    "/echo",
    (
        200,
        ["content-type: application/x-none", "x-framing: content-length", "content-length: 1600000"],
        "1600000 bytes, 39ec05ee6a2d25b6",
    ),
    content=b"0123456789abcdef" * 100_000,
)
exchange(
    "too_large",
    "heaven",
    "POST",
    "/small",
    as_problem(413, "Content Too Large", ',"detail":"The body is larger than 8 bytes."'),
    content=b"123456789",
)
exchange("just_not_too_large", "heaven", "POST", "/small", as_json("8"), content=b"12345678")
exchange(
    "content_length_zero_of_get",
    "heaven",
    "GET",
    "/any",
    as_json('{"method":"GET","size":0}'),
    headers={"content-length": "0"},
)


@scenario(
    "heaven",
    (
        as_json('{"size":4890,"sha256":"6682dc9bff6ec64c063375a0f51d3c5a4a6aebae649ea3ae55e0acaed21a8135"}'),
        (
            200,
            ["content-type: application/x-none", "x-framing: transfer-encoding", "content-length: 70002"],
            "70002 bytes, 894dae8e1eb1849a",
        ),
    ),
)
async def body_in_many_pieces(agent: Any) -> Any:
    """A chunked body of 500 pieces arrives whole, framed as such."""
    answer = await agent.request("POST", "/sum", content=parts(*[b"piece %d;" % number for number in range(500)]))
    echoed = await agent.request("POST", "/echo", content=parts(b"a", b"", b"b" * 70_000, b"c"))
    return seen(answer), seen(echoed)


@scenario(
    "heaven",
    (
        as_problem(413, "Content Too Large", ',"detail":"The body is larger than 8 bytes."'),
        as_problem(413, "Content Too Large", ',"detail":"The body is larger than 8 bytes."'),
    ),
)
async def too_large_in_pieces(agent: Any) -> Any:
    """A chunked body is counted as it comes, whole or streamed."""
    whole = await agent.request("POST", "/small", content=parts(b"1234", b"5678", b"9"))
    streamed = await agent.request("POST", "/small-stream", content=parts(b"1234", b"5678", b"9"))
    return seen(whole), seen(streamed)


@scenario("heaven", [as_text("enough after first"), as_text("enough after first")])
async def answer_before_the_body_was_read(agent: Any) -> Any:
    """A handler may answer half-way; the client gets the answer, and the next request goes through as well."""
    answers = [await agent.request("POST", "/half", content=parts(b"first", b"x" * 100_000, b"last")) for _ in range(2)]
    return [seen(answer) for answer in answers]


# Files


@scenario(
    "heaven",
    [
        [
            "200",
            "['content-type: text/plain; charset=utf-8', 'etag: ETAG', 'last-modified: Tue, 14 Nov 2023 22:13:20 GMT', 'x-content-type-options: nosniff', 'accept-ranges: bytes', 'content-length: 26']",
            "abcdefghijklmnopqrstuvwxyz",
        ],
        ["304", "['etag: ETAG', 'x-content-type-options: nosniff', 'accept-ranges: bytes']", ""],
        [
            "200",
            "['content-type: text/plain; charset=utf-8', 'etag: ETAG', 'last-modified: Tue, 14 Nov 2023 22:13:20 GMT', 'x-content-type-options: nosniff', 'accept-ranges: bytes', 'content-length: 26']",
            "abcdefghijklmnopqrstuvwxyz",
        ],
        ["304", "['etag: ETAG', 'x-content-type-options: nosniff', 'accept-ranges: bytes']", ""],
        [
            "412",
            "['x-content-type-options: nosniff', 'content-type: application/problem+json', 'vary: accept', 'content-length: 108']",
            '{"type":"about:blank","title":"Precondition Failed","status":412,"detail":"The file is another one by now."}',
        ],
        [
            "200",
            "['content-type: text/plain; charset=utf-8', 'etag: ETAG', 'last-modified: Tue, 14 Nov 2023 22:13:20 GMT', 'x-content-type-options: nosniff', 'accept-ranges: bytes', 'content-length: 26']",
            "",
        ],
        ["304", "['etag: ETAG', 'x-content-type-options: nosniff', 'accept-ranges: bytes']", ""],
    ],
)
async def file_and_its_conditions(agent: Any) -> Any:
    """A file has an ETag and a date; what asks with them gets 304 or 412, and HEAD gets no content."""
    first = await agent.request("GET", "/file")
    etag = first.headers["etag"]
    questions = [
        ("GET", {"if-none-match": etag}),
        ("GET", {"if-none-match": '"other"'}),
        ("GET", {"if-modified-since": first.headers["last-modified"]}),
        ("GET", {"if-match": '"other"'}),
        ("HEAD", {}),
        ("HEAD", {"if-none-match": etag}),
    ]
    answers = [await agent.request(method, "/file", headers=headers) for method, headers in questions]
    return [[str(part).replace(etag, "ETAG") for part in seen(answer)] for answer in (first, *answers)]


@scenario(
    "heaven",
    [
        (206, ["content-type: text/plain; charset=utf-8", "content-range: bytes 0-4/26", "content-length: 5"], "abcde"),
        (206, ["content-type: text/plain; charset=utf-8", "content-range: bytes 23-25/26", "content-length: 3"], "xyz"),
        (
            206,
            ["content-type: text/plain; charset=utf-8", "content-range: bytes 20-25/26", "content-length: 6"],
            "uvwxyz",
        ),
        (
            416,
            ["content-range: bytes */26", "content-type: application/problem+json", "content-length: 101"],
            '{"type":"about:blank","title":"Range Not Satisfiable","status":416,"detail":"The file has 26 bytes."}',
        ),
        as_text("abcdefghijklmnopqrstuvwxyz"),
        as_text("abcdefghijklmnopqrstuvwxyz"),
        (206, ["content-type: text/plain; charset=utf-8", "content-range: bytes 0-4/26", "content-length: 5"], "abcde"),
        as_text("abcdefghijklmnopqrstuvwxyz"),
    ],
)
async def ranges_of_a_file(agent: Any) -> Any:
    """Parts of a file are 206, one or several; what lies outside is 416; If-Range holds them to a version."""
    etag = (await agent.request("HEAD", "/file")).headers["etag"]
    asked = ["bytes=0-4", "bytes=-3", "bytes=20-", "bytes=100-200", "lines=1-2", "bytes=5-4"]
    answers = [await agent.request("GET", "/file", headers={"range": each}) for each in asked]
    answers.append(await agent.request("GET", "/file", headers={"range": "bytes=0-4", "if-range": etag}))
    answers.append(await agent.request("GET", "/file", headers={"range": "bytes=0-4", "if-range": '"other"'}))
    return [
        (status, [line for line in headers if line.startswith("content-")], body)
        for status, headers, body in map(seen, answers)
    ]


@scenario(
    "heaven",
    (
        206,
        "multipart/byteranges",
        [
            "--BOUNDARY",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Range: bytes 0-1/26",
            "",
            "ab",
            "--BOUNDARY",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Range: bytes 24-25/26",
            "",
            "yz",
            "--BOUNDARY--",
        ],
    ),
)
async def several_ranges_of_a_file(agent: Any) -> Any:
    """Several parts come as multipart/byteranges, with a boundary that is new each time."""
    answer = await agent.request("GET", "/file", headers={"range": "bytes=0-1,24-25"})
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    return answer.status_code, kind, answer.text.replace(boundary, "BOUNDARY").splitlines()


@scenario(
    "heaven", ("attachment; filename=\"Gr__e.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.txt", as_problem(404, "Not Found"))
)
async def file_to_save(agent: Any) -> Any:
    """A file name outside ASCII goes out both ways; a missing file is a 404."""
    saved = await agent.request("GET", "/download")
    return saved.headers["content-disposition"], seen(await agent.request("GET", "/no-file"))
