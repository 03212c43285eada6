"""Drives one example in a process of its own: the examples map the same tables.

Takes the example's file as its argument and requests as JSON on standard input; writes the answers
as JSON to standard output. `{id}` in a path is the id that the last answer with one gave.
"""

import asyncio
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from holdfast import testing

__all__ = ("converse",)


async def converse(app: Any, requests: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    """Send requests one after another, and return the status and the JSON body of each answer.

    Args:
        app: The application.
        requests: Arguments of the client's `request`.
    """
    answers = []
    known = ""
    async with testing.client(app, raise_app_exceptions=False) as http:
        for request in requests:
            files = {field: tuple(file) for field, file in request.pop("files", {}).items()}
            url = request.pop("url").format(id=known)
            response = await http.request(url=url, files=files or None, **request)
            body = response.json()
            if isinstance(body, dict):
                known = body.get("id", known)
            answers.append((response.status_code, body))
    # Advanced Alchemy saves and deletes files in tasks of its own, once they are committed.
    if saving := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(saving, timeout=10)
    return answers


async def main() -> None:
    """Drive the example that the arguments name."""
    file = Path(sys.argv[1])
    sys.path.insert(0, str(file.parent))
    example: Any = import_module(file.stem)
    json.dump(await converse(example.app, json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The threads of obstore, which is native, now and then abort an interpreter that shuts down.
    os._exit(0)
