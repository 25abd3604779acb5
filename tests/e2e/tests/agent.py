"""Asks `spanledger mcp` as an agent does, with the official client: prints one JSON document per tool."""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(binary, ledger):
    server = StdioServerParameters(command=binary, args=["mcp", "--ledger", ledger])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        greeting = await session.initialize()
        tools = (await session.list_tools()).tools

        async def ask(name, arguments):
            result = await session.call_tool(name, arguments)
            failed = getattr(result, "is_error", None) or getattr(result, "isError", None)
            return {"failed": bool(failed), "text": "".join(part.text for part in result.content)}

        top = await ask("top_calls", {"by": "cost", "limit": 3, "last": "1h"})
        best = json.loads(top["text"])["calls"][0]["id"]
        out = {
            "tools": {tool.name: bool(tool.annotations and (getattr(tool.annotations, "read_only_hint", None) or getattr(tool.annotations, "readOnlyHint", None))) for tool in tools},
            "instructions": greeting.instructions,
            "spend": await ask("spend", {"last": "1h", "by": ["model", "service"], "period": "hour"}),
            "owners": await ask("spend", {"last": "1h", "environment": "prod", "by": ["environment", "tag:team"]}),
            "top": top,
            "one": await ask("explain_call", {"id": best}),
            "content": await ask("explain_call", {"id": best, "include_content": True}),
            "unknown": await ask("explain_call", {"id": "no-such-call"}),
            "wrong": await ask("spend", {"last": "soon"}),
            "mistyped": await ask("spend", {"lst": "1h"}),
            "untyped": await ask("spend", {"by": "model"}),
            "rules": await ask("rules", {}),
            "missing": await ask("missing_calls", {"last": "1h"}),
        }
        print(json.dumps(out))


asyncio.run(main(*sys.argv[1:]))
