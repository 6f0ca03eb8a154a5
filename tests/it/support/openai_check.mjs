// OpenAI's client for Node against the proxy: openai_check.mjs BASE FOLDER, where openai stands in FOLDER/node_modules.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [base, folder] = process.argv.slice(2);
const OpenAI = createRequire(`${folder}/`)("openai");
const client = new OpenAI({ baseURL: base, maxRetries: 0, timeout: 60000 });
const user = (content) => [{ role: "user", content }];
const ask = (text, more = {}) =>
    client.chat.completions.create({ model: "asked", user: "node", messages: user(text), ...more });

assert.equal((await client.models.list()).data[0].id, "m");
await ask("say I note that your horse is called Comet");
const { data, response } = await ask("echo How is my horse called?").withResponse();
assert.match(response.headers.get("jarkeeper-memory"), /^recalled=1; kept=yes; session=chat-/);
assert.match(data.choices[0].message.content, /<memories:.*called Comet/s);

let text = "";
let usage;
for await (const chunk of await ask("say one two three", { stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
}
assert.equal(text, "one two three");
assert.equal(usage.total_tokens, 3);

const tools = [{ type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } }];
const whole = await ask("tool look", { tools });
assert.equal(whole.choices[0].message.tool_calls[0].function.arguments, '{"a": 1}');
const final = await client.chat.completions
    .stream({ model: "asked", user: "node", messages: user("tool look"), tools }).finalChatCompletion();
assert.equal(final.choices[0].message.tool_calls[0].function.name, "look");

await assert.rejects(ask("status 429"), (error) =>
    error instanceof OpenAI.RateLimitError && error.headers.get("retry-after") === "7");
await assert.rejects(ask("status 500"), (error) => error instanceof OpenAI.InternalServerError);
await assert.rejects(ask("status 401"), (error) => error.status === 502 && error.code === "model-refuses-key");
const wrong = new OpenAI({ baseURL: base, apiKey: "wrong", maxRetries: 0 });
await assert.rejects(wrong.chat.completions.create({ model: "m", messages: [] }), (error) =>
    error instanceof OpenAI.AuthenticationError && error.type === "authentication_error");
await assert.rejects(async () => {
    for await (const _ of await ask("cut half of it", { stream: true })) { /* until it breaks */ }
});

// Whoever hangs up is heard.
const stream = await ask("forever and on", { stream: true });
for await (const _ of stream) break;

const many = Array.from({ length: 100 }, (_, at) => at);
const one = async (at, said) => (await client.chat.completions.create(
    { model: "asked", user: `node-${at}`, messages: user(said) })).choices[0].message.content;
await Promise.all(many.map(async (at) => assert.equal(await one(at, `say your seat is S${at}y`), `your seat is S${at}y`)));
await Promise.all(many.map(async (at) => {
    const known = await one(at, "echo Which seat is mine?");
    assert.deepEqual([...new Set(known.match(/S\d+y/g))], [`S${at}y`]);
}));
console.log("well");
