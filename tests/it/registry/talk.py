"""Talks to an instance with OpenAI's own client. Arguments: the base URL, the API key."""

import sys

from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
messages = [{"role": "user", "content": "hello"}]
whole = client.chat.completions.create(model="m", messages=messages)
assert whole.choices[0].message.content == "you said hello", whole
parts = [part.choices[0].delta.content for part in client.chat.completions.create(model="m", messages=messages, stream=True)]
assert parts == ["you ", "said ", "hello"], parts
print("fine")
