"""The least that answers: uvicorn, a body that is read, an answer that is always the same.

uvicorn empty_service:app
"""


async def app(scope, receive, send):  # noqa: ARG001 - as ASGI has it
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})
