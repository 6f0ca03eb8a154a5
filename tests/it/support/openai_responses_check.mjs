// OpenAI's client for Node and the Responses API of the proxy: openai_responses_check.mjs BASE FOLDER, where openai stands in
// FOLDER/node_modules.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [base, folder] = process.argv.slice(2);
const OpenAI = createRequire(`${folder}/`)("openai");
const client = new OpenAI({ baseURL: base, maxRetries: 0, timeout: 60000 });
const ask = (input, more = {}) => client.responses.create({ model: "asked", user: "node", input, ...more });

const first = await ask("say I note that your horse is called Comet", { instructions: "Be kind" });
assert.equal(first.output_text, "I note that your horse is called Comet");
const { data, response } = await ask("echo How is my horse called?").withResponse();
assert.match(response.headers.get("jarkeeper-memory"), /^recalled=[1-9]\d*; kept=yes; session=chat-/);
assert.match(data.output_text, /<memories:.*called Comet/s);
assert.equal((await ask("say Aye", { previous_response_id: first.id })).previous_response_id, first.id);

let text = "";
let last;
for await (const event of await ask("say one two three", { stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
}
assert.equal(text, "one two three");
assert.equal(last.type, "response.completed");
assert.equal((await client.responses.stream({ model: "asked", user: "node", input: "say four" }).finalResponse()).output_text, "four");

const tools = [{ type: "function", name: "look", parameters: { type: "object", properties: {} }, strict: false }];
const asked = await client.responses.stream({ model: "asked", user: "node", input: "tool look", tools }).finalResponse();
const call = asked.output.at(-1);
assert.deepEqual([call.type, call.name, call.arguments], ["function_call", "look", '{"a": 1}']);
const result = { type: "function_call_output", call_id: call.call_id, output: "say the sky is red" };
const input = [{ role: "user", content: "tool look" }, ...asked.output, result];
assert.equal((await ask(input, { tools, store: false })).output_text, "the sky is red");
assert.equal((await ask([result], { tools, previous_response_id: asked.id })).output_text, "the sky is red");

await assert.rejects(ask("status 429"), (error) =>
    error instanceof OpenAI.RateLimitError && error.headers.get("retry-after") === "7");
await assert.rejects(ask("status 401"), (error) => error.status === 502 && error.code === "model-refuses-key");
await assert.rejects(ask("unknown gpt-9"), (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
await assert.rejects(ask("say hi", { background: true }), (error) => error.status === 400 && error.code === "no-background");
await assert.rejects(client.responses.retrieve(first.id), (error) => error instanceof OpenAI.NotFoundError);
const wrong = new OpenAI({ baseURL: base, apiKey: "wrong", maxRetries: 0 });
await assert.rejects(wrong.responses.create({ model: "m", input: "" }), (error) =>
    error instanceof OpenAI.AuthenticationError && error.type === "authentication_error");
await assert.rejects(async () => {
    for await (const _ of await ask("cut half of it", { stream: true })) { /* until it breaks */ }
});

// Whoever hangs up is heard.
const stream = await ask("forever and on", { stream: true });
for await (const _ of stream) break;

const many = Array.from({ length: 50 }, (_, at) => at);
const one = async (at, input) => (await client.responses.create({ model: "asked", user: `node-${at}`, input })).output_text;
await Promise.all(many.map(async (at) => assert.equal(await one(at, `say your seat is S${at}y`), `your seat is S${at}y`)));
await Promise.all(many.map(async (at) => {
    const known = await one(at, "echo Which seat is mine?");
    assert.deepEqual([...new Set(known.match(/S\d+y/g))], [`S${at}y`]);
}));
console.log("well");
