"""An aiohttp server that has nothing to do: HTTPS, client certificates, the same answer to everything.

Usage: python -m tests.bench.trivial PKI; prints its port.
"""

import asyncio
import ssl
import sys
from pathlib import Path

import uvloop
from aiohttp import web

# As many bytes as the answer to an Encrypt has.
ANSWER = bytes(216)


async def _answer(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/octet-stream")


async def _serve(pki: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.pem")
    context.load_cert_chain(pki / "server.pem", pki / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    loop = asyncio.get_running_loop()
    server = await loop.create_server(web.Server(_answer, access_log=None), "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
