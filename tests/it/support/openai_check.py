"""OpenAI's Python client against the proxy: openai_check.py BASE, with the key in OPENAI_API_KEY."""

import asyncio
import sys

import httpx
import openai
from openai import AsyncOpenAI, OpenAI

BASE = sys.argv[1]
client = OpenAI(base_url=BASE, max_retries=0, timeout=60)


def ask(text, user="py", **more):
    messages = [{"role": "system", "content": "Be kind"}, {"role": "user", "content": text}]
    return client.chat.completions.create(model="asked", messages=messages, user=user, **more)


assert [model.id for model in client.models.list()] == ["m"]

# What the first conversation said, the second one knows.
assert ask("say I note that your boat is called Aurora").choices[0].message.content.endswith("called Aurora")
raw = client.chat.completions.with_raw_response.create(
    model="asked", user="py", messages=[{"role": "user", "content": "echo How is my boat called?"}])
assert raw.headers["jarkeeper-memory"].startswith("recalled=1; kept=yes; session=chat-"), raw.headers
assert raw.headers["x-request-id"] == "req-1"
echo = raw.parse().choices[0].message.content
assert "<memories:" in echo and "called Aurora" in echo, echo

# Streaming, with usage at its end.
stream = ask("say one two three", stream=True, stream_options={"include_usage": True})
chunks = list(stream)
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert text == "one two three", text
assert chunks[-1].usage.total_tokens == 3 and not chunks[-1].choices

# Tools, whole and streamed.
tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
call = ask("tool look", tools=tools).choices[0].message.tool_calls[0]
assert (call.function.name, call.function.arguments) == ("look", '{"a": 1}')
with client.chat.completions.stream(
        model="asked", user="py", tools=tools, messages=[{"role": "user", "content": "tool look"}]) as events:
    final = events.get_final_completion()
assert final.choices[0].finish_reason == "tool_calls"
call = final.choices[0].message.tool_calls[0]
assert (call.id, call.function.arguments) == ("call-1", '{"a": 1}')
messages = [
    {"role": "user", "content": "tool look"}, final.choices[0].message.model_dump(exclude_none=True),
    {"role": "tool", "tool_call_id": "call-1", "content": "say the sky is red"},
]
answer = client.chat.completions.create(model="asked", user="py", messages=messages, tools=tools)
assert answer.choices[0].message.content == "the sky is red"


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
assert fails(openai.InternalServerError, "status 500").status_code == 500
# That our own key is refused is no refusal of this client's.
error = fails(openai.InternalServerError, "status 401")
assert (error.status_code, error.code) == (502, "model-refuses-key") and "sk-secret" not in str(error), error
try:
    OpenAI(base_url=BASE, api_key="wrong", max_retries=0).chat.completions.create(model="m", messages=[])
    raise AssertionError("a wrong key did")
except openai.AuthenticationError as error:
    assert error.body["type"] == "authentication_error", error.body

# A cut is no end.
for word in ("cut", "stop"):
    fails((httpx.TransportError, openai.APIError), f"{word} half of it", stream=True)


# A hundred at once, streamed and whole; then each knows its own number, and no other.
async def many():
    every = AsyncOpenAI(base_url=BASE, max_retries=0, timeout=120)

    async def one(at, text, stream):
        messages = [{"role": "user", "content": text}]
        answer = await every.chat.completions.create(model="asked", user=f"many-{at}", messages=messages, stream=stream)
        if not stream:
            return answer.choices[0].message.content
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])

    said = await asyncio.gather(*(one(at, f"say your ticket is T{at:03}x", at % 2 == 0) for at in range(100)))
    assert said == [f"your ticket is T{at:03}x" for at in range(100)], said
    known = await asyncio.gather(*(one(at, "echo Which ticket is mine?", at % 2 == 1) for at in range(100)))
    for at, text in enumerate(known):
        assert f"T{at:03}x" in text, (at, text)
        others = [other for other in range(100) if other != at and f"T{other:03}x" in text]
        assert not others, (at, others)


asyncio.run(many())
print("well")
