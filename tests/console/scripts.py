"""The scripts of the screens without a browser: under the JavaScript engine that Playwright brings, with as much of a
browser around them as they ask for. What a browser does with them is for `tests/browser`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable

from services.console.api_offline import worker
from services.console.api_screens import HERE

PATIENCE_SECONDS = 100

AROUND_A_PAGE = """
const heard = {}, sent = [], elements = {}, posted = [], streams = [];
class Element {
  constructor(id) {
    Object.assign(this, { id, dataset: {}, hidden: false, textContent: "", listeners: {}, children: [] });
  }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  replaceChildren(...children) { this.children = children; }
  append(...children) { this.children.push(...children); }
  getAttribute(name) { return this[name] ?? null; }
  setAttribute(name, value) { this[name] = value; }
  removeAttribute(name) { delete this[name]; }
  contains(other) { return this.children.includes(other); }
  querySelectorAll() { return []; }
  close() { this.closed = true; }
}
const element = id => (elements[id] ??= new Element(id));
const given = {
  document: { hidden: false, getElementById: element, querySelector: () => null,
              createElement: name => new Element(name),
              addEventListener() {}, dispatchEvent() {}, documentElement: { lang: "en" }, activeElement: null },
  navigator: { serviceWorker: { ready: new Promise(go => { heard.ready = go; }), register: async () => {},
               addEventListener(name, listener) { heard[name] = listener; } } },
  addEventListener(name, listener) { heard[`window ${name}`] = listener; },
  setInterval() {},
  EventSource: class { constructor() { streams.push(this); } close() { this.closed = true; } },
};
for (const [name, value] of Object.entries(given)) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}
Object.assign(element("main").dataset, { person: "anna", keep: "1 en", now: "1000", texts:
  JSON.stringify({ dropped: "as of {time}", signedOut: "signed out {time}", signInAgain: "again", back: "back" }) });
element("pulse").dataset.state = "connecting";
const told = message => heard.message({ data: message });
const ready = () => heard.ready({ active: { postMessage: message => posted.push(message) } });
const settle = () => new Promise(go => setImmediate(go));

const rows = new Map();
let last = 0;
const later = (request, result) => {
  queueMicrotask(() => { request.result = result; request.onsuccess?.(); });
  return request;
};
const table = {
  getAll: () => later({}, [...rows.values()].map(row => structuredClone(row))),
  get: n => later({}, structuredClone(rows.get(n))),
  put: row => { const n = row.n ?? ++last; rows.set(n, structuredClone({ ...row, n })); return later({}, n); },
  delete: n => later({}, rows.delete(n)),
};
globalThis.indexedDB = { open: () => later({}, { transaction: () => {
  const transaction = { objectStore: () => table };
  setImmediate(() => transaction.oncomplete());
  return transaction;
} }) };
const taps = () => [...rows.values()].map(({ n, state, late }) => ({ n, state, late }));
"""

AROUND_A_WORKER = """
const site = "https://west.example", listeners = {}, stores = new Map(), asked = [], messages = [];
let broken = false, answers = {};
class Store {
  rows = new Map();
  key(what) { const { pathname, search } = new URL(what.url ?? what, site); return [pathname, search]; }
  async match(what, options = {}) {
    const [path, query] = this.key(what);
    for (const [known, answer] of this.rows) {
      if (known === path + query || (options.ignoreSearch && known.split("?")[0] === path)) return answer.clone();
    }
  }
  async put(what, answer) { this.rows.set(this.key(what).join(""), answer); }
  async delete(what) { return this.rows.delete(this.key(what).join("")); }
  async add(what) { await this.put(what, await fetch(what)); }
}
globalThis.caches = {
  async open(name) {
    if (broken) throw new Error("QuotaExceededError");
    if (!stores.has(name)) stores.set(name, new Store());
    return stores.get(name);
  },
  async delete(name) { if (broken) throw new Error("QuotaExceededError"); return stores.delete(name); },
  async keys() { return [...stores.keys()]; },
  async match(what) {
    for (const store of stores.values()) {
      const found = await store.match(what);
      if (found) return found;
    }
  },
};
globalThis.location = new URL(site);
globalThis.self = { clients: { matchAll: async () => [{ postMessage: message => messages.push(message) }] },
                    addEventListener(name, listener) { listeners[name] = listener; } };
const page = (text, person = "anna") => new Response(text, { headers: { "Plek-Person": person, "Plek-Now": "1000" } });
const sendsOn = { type: "opaqueredirect", status: 0, ok: false, headers: new Headers(), clone() { return this; } };
const gateway = () => new Response("Bad Gateway", { status: 502 });
// answers: by method and path; what is not there has no connection.
globalThis.fetch = async (what, { method } = {}) => {
  const name = `${method ?? what.method ?? "GET"} ${new URL(what.url ?? what, site).pathname}`;
  asked.push(name);
  const answer = answers[name];
  if (answer === undefined) throw new TypeError("Failed to fetch");
  return typeof answer === "function" ? answer() : answer.clone();
};
async function ask(path, method = "GET", mode = "navigate") {
  let answer;
  listeners.fetch({ request: { url: site + path, method, mode }, respondWith: given => { answer = given; } });
  return await answer;
}
async function keep(text) {
  const data = { text, place: "house", person: "anna", tag: "1 en" };
  let done;
  listeners.message({ data, waitUntil: given => { done = given; } });
  await done;
}
const OFFLINE = "No connection";
(0, eval)(SOURCE);
await (await caches.open(ASSETS_NAME)).put("/offline", new Response(OFFLINE));
"""


def _run(folder: Path, script: str) -> Any:
    file = folder / "test.mjs"
    file.write_text(script, "utf-8")
    node = compute_driver_executable()[0]
    done = subprocess.run([node, str(file)], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _answered(script: str) -> str:
    return (
        f"const answer = await (async () => {{ {script} }})();\nconsole.log(JSON.stringify(answer));\nprocess.exit(0);"
    )


def on_a_page(folder: Path, script: str) -> Any:
    """What a script returns that runs where the modules of a page are: `await import("./kept.js")`."""
    shutil.copytree(HERE / "static", folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    return _run(folder, f"{AROUND_A_PAGE}\n{_answered(script)}")


def in_the_worker(folder: Path, script: str) -> Any:
    """What a script returns that runs beside the worker: `await ask("/")` is what a browser gets of it then."""
    source = worker()
    version = source.split('"')[1]
    known = f"const SOURCE = {json.dumps(source)}, ASSETS_NAME = {json.dumps(f'plek-files {version}')};"
    return _run(folder, f"{known}\n{AROUND_A_WORKER}\n{_answered(script)}")
