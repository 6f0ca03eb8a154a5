// Lists the operations of /openapi.json, and calls them. Text only ever goes in as text, never as HTML.
const made = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};

const answered = await fetch("/openapi.json");
const doc = await answered.json();
const resolve = (thing) =>
  thing?.$ref ? resolve(thing.$ref.slice(2).split("/").reduce((at, name) => at[name], doc)) : thing;

// An example of what a schema allows, to begin from.
const example = (schema, depth = 0) => {
  const one = resolve(schema) ?? {};
  if (one.example !== undefined) return one.example;
  if (one.examples?.length) return one.examples[0];
  if (one.const !== undefined) return one.const;
  if (one.enum) return one.enum[0];
  const branch = (one.oneOf ?? one.anyOf)?.find((branch) => branch.type !== "null");
  if (branch) return example(branch, depth);
  if (one.allOf) return Object.assign({}, ...one.allOf.map((part) => example(part, depth)));
  const type = Array.isArray(one.type) ? one.type.find((name) => name !== "null") : one.type;
  if (type === "object" && depth < 4) {
    const required = one.required ?? [];
    const entries = Object.entries(one.properties ?? {}).filter(([name]) => required.includes(name));
    return Object.fromEntries(entries.map(([name, part]) => [name, example(part, depth + 1)]));
  }
  return { array: [], boolean: false, integer: one.minimum ?? 0, number: one.minimum ?? 0, string: "", object: {} }[type] ?? null;
};

const allowed = (operation) => {
  const security = operation.security ?? doc.security ?? [];
  if (security.length === 0) return "open to anybody who reaches the port";
  const scopes = security.flatMap((way) => way.oauth2 ?? []);
  return scopes.length ? `needs the scope ${scopes.join(", ")}` : "needs credentials";
};

const form = (path, method, operation) => {
  const shared = doc.paths[path].parameters ?? [];
  const parameters = [...shared, ...(operation.parameters ?? [])].map(resolve);
  const inputs = parameters.map((parameter) => {
    const kind = resolve(parameter.schema) ?? {};
    const hint = kind.enum ? kind.enum.join(" | ") : (parameter.description ?? "").split("\n")[0];
    return { parameter, input: made("input", { placeholder: hint, autocomplete: "off", spellcheck: false }) };
  });
  const content = resolve(operation.requestBody)?.content ?? {};
  const [kind] = Object.keys(content);
  const body = kind && made("textarea", { rows: 6, value: JSON.stringify(example(content[kind].schema), null, 2) });
  const answer = made("pre", { className: "answer", hidden: true });
  const call = made("button", { type: "button", textContent: "Call" });
  call.addEventListener("click", async () => {
    const query = new URLSearchParams();
    const headers = {};
    let target = path;
    for (const { parameter, input } of inputs) {
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value === "") continue;
      else if (parameter.in === "query") query.append(parameter.name, input.value);
      else if (parameter.in === "header") headers[parameter.name] = input.value;
    }
    const key = document.getElementById("key").value.trim();
    if (key) headers.Authorization = `Bearer ${key}`;
    if (body) headers["Content-Type"] = kind;
    answer.hidden = false;
    answer.textContent = "…";
    try {
      const url = target + (query.size ? `?${query}` : "");
      const options = { method: method.toUpperCase(), headers, credentials: "omit", redirect: "manual" };
      const response = await fetch(url, body ? { ...options, body: body.value } : options);
      answer.textContent = `${response.status} ${response.statusText}\n`;
      for (const [name, value] of response.headers) answer.append(`${name}: ${value}\n`);
      answer.append("\n");
      if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
        // It has no end: what comes is shown as it comes.
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) answer.append(part.value);
        return;
      }
      const text = await response.text();
      try {
        answer.append(JSON.stringify(JSON.parse(text), null, 2));
      } catch {
        answer.append(text);
      }
    } catch (error) {
      answer.textContent = `not called: ${error.message}`;
    }
  });
  const rows = Object.entries(operation.responses).map(([status, response]) =>
    made("tr", {}, made("td", { textContent: status }), made("td", { textContent: resolve(response).description ?? "" })));
  return [
    made("pre", { textContent: operation.description ?? "" }),
    made("p", { className: "hint", textContent: `${operation.operationId}: ${allowed(operation)}` }),
    ...inputs.flatMap(({ parameter, input }) => [
      made("label", { textContent: `${parameter.name} (${parameter.in}${parameter.required ? "" : ", optional"})` }),
      input,
    ]),
    ...(body ? [made("label", { textContent: `body (${kind})` }), body] : []),
    call,
    answer,
    made("table", {}, ...rows),
  ];
};

document.getElementById("title").textContent = `${doc.info.title} ${doc.info.version}`;
document.getElementById("about").textContent = doc.info.description;
const groups = new Map((doc.tags ?? []).map((tag) => [tag.name, { about: tag.description, operations: [] }]));
for (const [path, item] of Object.entries(doc.paths)) {
  for (const method of ["get", "post", "put", "patch", "delete"]) {
    const operation = item[method];
    if (!operation) continue;
    const [tag] = operation.tags ?? ["other"];
    if (!groups.has(tag)) groups.set(tag, { operations: [] });
    const summary = made("summary", {}, made("b", { textContent: method.toUpperCase() }),
      made("code", { textContent: path }), made("span", { textContent: operation.summary ?? "" }));
    const details = made("details", { id: operation.operationId }, summary);
    details.addEventListener("toggle", () => details.append(...form(path, method, operation)), { once: true });
    groups.get(tag).operations.push(details);
  }
}
document.getElementById("operations").replaceChildren(...[...groups].flatMap(([name, { about, operations }]) =>
  operations.length ? [made("h2", { textContent: name }), made("p", { textContent: about ?? "" }), ...operations] : []));
