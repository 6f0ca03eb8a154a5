"""OpenAI's Python client and the Responses API of the proxy: openai_responses_check.py BASE, with the key in OPENAI_API_KEY."""

import asyncio
import sys

import openai
from openai import AsyncOpenAI, OpenAI

BASE = sys.argv[1]
client = OpenAI(base_url=BASE, max_retries=0, timeout=60)


def ask(text, **more):
    return client.responses.create(model="asked", input=text, instructions="Be kind", user="py", **more)


# What the first conversation said, the second one knows.
first = ask("say I note that your boat is called Aurora")
assert first.output_text == "I note that your boat is called Aurora" and first.instructions == "Be kind", first
raw = client.responses.with_raw_response.create(model="asked", user="py", input="echo How is my boat called?")
assert raw.headers["jarkeeper-memory"].startswith("recalled="), raw.headers
assert raw.headers["x-request-id"] == "req-1"
echo = raw.parse().output_text
assert "<memories:" in echo and "called Aurora" in echo, echo

# Going on from an answer.
second = ask("say Aye", previous_response_id=first.id)
assert second.previous_response_id == first.id

# Streaming, and the helper that puts it together.
events = list(ask("say one two three", stream=True))
assert [event.sequence_number for event in events] == list(range(len(events)))
assert events[0].type == "response.created" and events[-1].type == "response.completed", events
assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "one two three"
with client.responses.stream(model="asked", user="py", input="say four five") as stream:
    for _ in stream:
        pass
    final = stream.get_final_response()
assert final.output_text == "four five" and final.usage.total_tokens == 3

# Tools: with the whole history, and behind the answer alone.
tools = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}]
for streams in (False, True):
    if streams:
        with client.responses.stream(model="asked", user="py", tools=tools, input="tool look") as stream:
            asked = stream.get_final_response()
    else:
        asked = ask("tool look", tools=tools)
    call = asked.output[-1]
    assert (call.type, call.name, call.arguments) == ("function_call", "look", '{"a": 1}'), call
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "say the sky is red"}
    history = [{"role": "user", "content": "tool look"}]
    history += [item.model_dump(exclude_none=True) for item in asked.output]
    whole = client.responses.create(model="asked", user="py", tools=tools, input=history + [result], store=False)
    assert whole.output_text == "the sky is red"
    behind = client.responses.create(model="asked", user="py", tools=tools, input=[result], previous_response_id=asked.id)
    assert behind.output_text == "the sky is red"


def fails(kind, text, **more):
    try:
        result = ask(text, **more)
        if more.get("stream"):
            for _ in result:
                pass
    except kind as error:
        return error
    raise AssertionError(f"{text} did not fail")


# Errors: the model's, and our own.
error = fails(openai.RateLimitError, "status 429")
assert error.response.headers["retry-after"] == "7" and error.body["message"] == "sk-secret at 10.0.0.7", error.body
error = fails(openai.InternalServerError, "status 401")
assert (error.status_code, error.code) == (502, "model-refuses-key") and "sk-secret" not in str(error), error
assert fails(openai.NotFoundError, "unknown gpt-9").code == "model_not_found"
assert fails(openai.BadRequestError, "say hi", background=True).code == "no-background"
try:
    client.responses.retrieve(first.id)
    raise AssertionError("an answer was fetched")
except openai.NotFoundError as error:
    assert "POST /v1/responses" in error.body["message"], error.body
assert [event.type for event in ask("failed half", stream=True)][-1] == "response.failed"
assert [event.type for event in ask("incomplete half", stream=True)][-1] == "response.incomplete"

# A cut is no end.
for word in ("cut", "stop"):
    fails(openai.APIError, f"{word} half of it", stream=True)


# Fifty at once, streamed and whole; then each knows its own number, and no other.
async def many():
    every = AsyncOpenAI(base_url=BASE, max_retries=0, timeout=120)

    async def one(at, text, stream):
        answer = await every.responses.create(model="asked", user=f"many-{at}", input=text, stream=stream)
        if not stream:
            return answer.output_text
        return "".join([event.delta async for event in answer if event.type == "response.output_text.delta"])

    said = await asyncio.gather(*(one(at, f"say your ticket is T{at:03}x", at % 2 == 0) for at in range(50)))
    assert said == [f"your ticket is T{at:03}x" for at in range(50)], said
    known = await asyncio.gather(*(one(at, "echo Which ticket is mine?", at % 2 == 1) for at in range(50)))
    for at, text in enumerate(known):
        assert f"T{at:03}x" in text, (at, text)
        others = [other for other in range(50) if other != at and f"T{other:03}x" in text]
        assert not others, (at, others)


asyncio.run(many())
print("well")
