"""The smallest application: `uvicorn application:app`, then `curl http://127.0.0.1:8000/hello/Ada`."""

from heaven import App

app = App()
app.GET("/hello/:name", lambda req, res, ctx: {"hello": req.params["name"]})
