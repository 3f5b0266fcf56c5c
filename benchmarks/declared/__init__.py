"""One file for each contender of part `declarative`; each serves what `benchmarks.declarative_scenarios` asks for.

A contender's module has:

`DISTRIBUTIONS`  whose versions are printed; the first is the contender itself.
`NOTES`          scenario name -> a remark printed under the table.
`declared()`     an ASGI application:

- `GET /users/{user}/items` with an int in the path; `limit`, `offset` (int), `search` (str) and `available` (bool) in
  the query, each with a default; answers with all five.
- `POST /orders` takes an order as a model that is held to its types, and answers 201 with that model.
- `GET /report` needs the third of three dependencies, each of which needs the one before; all made for each request.
- `GET /api/v1/shop/orders` lies below three levels, each with a permission of its own that asks for `X-Role: clerk`.

Dependencies and permissions count themselves. Rules: what a contender's own documentation shows as its way to say this,
the cheapest where there are several. Documentation routes, debug and access logs are off.
"""
