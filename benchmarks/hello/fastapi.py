"""Hello in Fastapi."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello():
    """Answer `GET /`."""
    return {"message": "Hello, world"}
