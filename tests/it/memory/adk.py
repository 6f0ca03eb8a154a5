"""scripts/clients/adk_memory.py with the kit itself (adk.py real), or with what its documentation says of the classes that it uses
(adk.py stand-in)."""

import asyncio
import sys
import types
from types import SimpleNamespace


def stand_in():
    """`BaseMemoryService` and `SearchMemoryResponse`, as google-adk 2.13 documents them."""

    def space(value):
        if isinstance(value, dict):
            return SimpleNamespace(**{name: space(one) for name, one in value.items()})
        return [space(one) for one in value] if isinstance(value, list) else value

    class Response(SimpleNamespace):
        @classmethod
        def model_validate(cls, value):
            return cls(**vars(space(value)))

    module = types.ModuleType("google.adk.memory.base_memory_service")
    module.BaseMemoryService, module.SearchMemoryResponse = type("BaseMemoryService", (), {}), Response
    for name in ["google", "google.adk", "google.adk.memory"]:
        sys.modules[name] = types.ModuleType(name)
    sys.modules[module.__name__] = module

    def event(id, author, text, timestamp):
        parts = [SimpleNamespace(text=text, thought=None), SimpleNamespace(text=None, thought=None)]
        content = SimpleNamespace(role="user", parts=parts)
        return SimpleNamespace(id=id, author=author, timestamp=timestamp, partial=None, content=content)

    def session(**given):
        return SimpleNamespace(**given)

    return event, session


def real():
    from google.adk.events import Event
    from google.adk.sessions import Session
    from google.genai.types import Content, Part

    def event(id, author, text, timestamp):
        content = Content(role="user", parts=[Part(text=text), Part.from_function_call(name="f", args={})])
        return Event(id=id, author=author, timestamp=timestamp, content=content)

    return event, Session


async def main():
    event, session = {"real": real, "stand-in": stand_in}[sys.argv[1]]()
    from adk_memory import JarkeeperMemoryService

    memory = JarkeeperMemoryService()
    events = [
        event("e1", "user", "I would like a cello", 1714550400.0),
        event("e2", "seller", "x" * 60_000, 1714550401.0),
    ] + [event(f"n{at}", "seller", "y" * 60_000, 1714550402.0 + at) for at in range(20)]
    one = session(id="s1", app_name="shop", user_id="ada", events=events)
    # More than fits at once, and twice.
    for _ in range(2):
        await memory.add_session_to_memory(one)
    found = (await memory.search_memory(app_name="shop", user_id="ada", query="Which instrument? A cello?")).memories
    # Those around it in its session come behind it.
    assert found[0].content.parts[0].text == "I would like a cello", found
    assert found[0].author == "user" and found[0].timestamp.startswith("2024-05-01T08:00:00"), found
    assert (await memory.search_memory(app_name="sho", user_id="ada", query="cello")).memories == []
    await memory.add_events_to_memory(
        app_name="shop", user_id="ada", session_id="s2", events=[event("e9", "user", "No cello after all", 1714550500.0)]
    )
    for gone in [one for one in found if "cello" in one.content.parts[0].text]:
        await memory.delete_memory(app_name="shop", user_id="ada", memory_id=gone.id)
    try:
        await memory.delete_memory(app_name="shop", user_id="ada", memory_id=found[0].id)
        raise AssertionError("it was there twice")
    except RuntimeError as error:
        assert "404" in str(error), error


asyncio.run(main())
