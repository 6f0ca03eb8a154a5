// Playwright for Node.js with a session of Jarkeeper: node playwright_node.mjs SESSION URL
//
// Prints the text of the page as the signed-in user sees it.
import { chromium } from "playwright-core";

const [session, url] = process.argv.slice(2);
const { JARKEEPER_URL = "http://127.0.0.1:8376", JARKEEPER_KEY, CHROMIUM } = process.env;

const answer = await fetch(`${JARKEEPER_URL}/v1/sessions/${encodeURIComponent(session)}/state?max_age=10m`, {
  headers: { "X-API-Key": JARKEEPER_KEY },
  redirect: "error",
});
if (!answer.ok) throw new Error((await answer.json()).detail);
const storageState = await answer.json();

const browser = await chromium.launch({ executablePath: CHROMIUM });
// Some sites bind a session to the browser that made it.
const context = await browser.newContext({ storageState, userAgent: storageState.jarkeeper?.user_agent });
const page = await context.newPage();
await page.goto(url);
console.log(await page.innerText("body"));
await browser.close();
