// Keeps the page true: shows it again whenever the site says that something changed, and says so when it cannot.
import { morph } from "./morph.js";

const SPACING_MS = 200; // between two renderings, however much happens
const LOOK_AGAIN_MS = 20000; // ages and silences grow without an event
const PAUSES_MS = [500, 1000, 2000, 5000, 10000];
const TRIES = 3;

const main = document.getElementById("main");
const live = document.getElementById("live");
const pulse = document.getElementById("pulse");
const dropped = document.getElementById("dropped");
const texts = JSON.parse(main.dataset.texts);

// --- showing ---------------------------------------------------------------------------------------------------------

let showing = false;
let wanted = false;
let position = 0; // of our own last write: what is shown afterwards must hold it
let failures = 0;
let again = 0;

function address() {
  const query = new URLSearchParams();
  const board = document.getElementById("board");
  if (board) query.set("location", board.dataset.location);
  if (position) query.set("after", position);
  return `/live?${query}`;
}

async function show() {
  wanted = true;
  if (showing) return;
  showing = true;
  while (wanted) {
    wanted = false;
    try {
      const answer = await fetch(address(), { headers: { Accept: "text/html" }, redirect: "manual", signal: AbortSignal.timeout(15000) });
      if (answer.type === "opaqueredirect" || answer.status === 401) { signedOut(); break; }
      if (!answer.ok) throw new Error(String(answer.status));
      render(await answer.text());
    } catch {
      drop();
      break;
    }
    await new Promise((go) => setTimeout(go, SPACING_MS));
  }
  showing = false;
}

function render(text) {
  const fresh = document.createElement("div");
  fresh.innerHTML = text; // from this very server, escaped there; scripts in it do not run
  morph(live, fresh);
  keepFocus();
  if (stream && stream.readyState === EventSource.OPEN) alive();
}

let tapped = ""; // the place whose button had the focus and is another button now

function keepFocus() {
  if (!tapped || document.activeElement !== document.body) return;
  const button = live.querySelector(`[data-place="${CSS.escape(tapped)}"] button`);
  if (button) button.focus({ preventScroll: true });
  tapped = "";
}

// --- being live ------------------------------------------------------------------------------------------------------

let stream = null;

function state(name) {
  if (pulse.dataset.state === name) return;
  pulse.dataset.state = name;
  document.getElementById("pulse-word").textContent = pulse.dataset[name];
}

function alive() {
  const was = pulse.dataset.state;
  failures = 0;
  state("live");
  dropped.hidden = true;
  if (was === "dropped") say(texts.back);
}

function drop() {
  if (pulse.dataset.state !== "dropped") {
    state("dropped");
    dropped.textContent = texts.dropped.replace("{time}", shownAt());
    dropped.hidden = false;
  }
  if (stream) stream.close();
  stream = null;
  clearTimeout(again);
  again = setTimeout(connect, PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]);
}

function signedOut() {
  if (stream) stream.close();
  clearTimeout(again);
  state("dropped");
  const link = document.createElement("a");
  link.href = "/sign-in";
  link.textContent = texts.signInAgain;
  dropped.replaceChildren(`${texts.signedOut.replace("{time}", shownAt())} `, link);
  dropped.hidden = false;
}

function shownAt() {
  const shown = document.getElementById("as-of") || document.getElementById("no-answer");
  return shown ? shown.dataset.time || shown.textContent : "";
}

function connect() {
  clearTimeout(again);
  if (stream || document.hidden) return;
  const opening = new EventSource("/api/placement/stream");
  stream = opening;
  opening.onopen = show; // whatever happened in the meantime is in what is shown next
  opening.onmessage = show;
  opening.onerror = () => {
    if (stream !== opening) return;
    drop();
    probe();
  };
}

async function probe() {
  // An event stream does not say why it was refused.
  try {
    const answer = await fetch(address(), { redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) signedOut();
  } catch { /* no connection: the next attempt is on its way */ }
}

document.addEventListener("visibilitychange", () => {
  // Browsers allow six connections to a server: a page nobody looks at gives its own back.
  if (document.hidden) {
    if (stream) stream.close();
    stream = null;
  } else {
    connect();
    show();
  }
});
addEventListener("online", connect);
setInterval(() => { if (!document.hidden && stream) show(); }, LOOK_AGAIN_MS);
connect();

// --- taps ------------------------------------------------------------------------------------------------------------

const ask = document.getElementById("ask");

function say(text, alarm = false) {
  const [shown, other] = [document.getElementById(alarm ? "said-alert" : "said-status"), document.getElementById(alarm ? "said-status" : "said-alert")];
  other.hidden = true;
  shown.hidden = !text;
  shown.textContent = text;
  clearTimeout(say.later);
  if (text && !alarm) say.later = setTimeout(() => { shown.hidden = true; }, 8000);
}

function reason(place) {
  // Resolves to what was chosen, or nothing.
  document.getElementById("ask-title").textContent = texts.why.replace("{place}", place);
  ask.returnValue = "";
  ask.showModal();
  return new Promise((answer) => ask.addEventListener("close", () => answer(ask.returnValue), { once: true }));
}
ask.querySelector(".answers").addEventListener("click", (event) => {
  const chosen = event.target.closest("button");
  if (chosen) ask.close(chosen.value);
});

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function send(button, body) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": newKey() };
  if (button.dataset.version) headers["If-Match"] = `"${button.dataset.version}"`;
  for (let left = TRIES; ; left--) {
    // The same key each time: a tap whose answer was lost counts once.
    try {
      return await fetch(button.dataset.path, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10000) });
    } catch (error) {
      if (left <= 1) throw error;
      await new Promise((go) => setTimeout(go, 700));
    }
  }
}

function clock(text) {
  return new Date(text).toLocaleTimeString(document.documentElement.lang, { timeZone: "Europe/Amsterdam", hour: "2-digit", minute: "2-digit" });
}

async function refused(answer) {
  const problem = await answer.json().catch(() => ({}));
  const code = problem.code || (answer.status >= 500 ? "unavailable" : String(answer.status));
  say((texts.refusals[code] || texts.refusals.other).replace("{code}", code), true);
  if (answer.status === 401) signedOut();
}

async function tap(button) {
  const tile = button.closest("[data-place]");
  if (tile.classList.contains("is-busy")) return;
  const body = JSON.parse(button.dataset.body);
  const { done, asks } = button.dataset;
  if (asks) {
    body.reason = await reason(asks);
    if (!body.reason) return;
  }
  tile.classList.add("is-busy");
  tile.setAttribute("aria-busy", "true");
  try {
    const answer = await send(button, body);
    if (answer.ok) {
      const told = await answer.json();
      position = Math.max(position, told.position);
      say(done.replace("{time}", told.expires_at ? clock(told.expires_at) : ""));
    } else {
      await refused(answer);
    }
  } catch {
    say(texts.refusals["no-connection"], true);
  }
  tapped = tile.dataset.place;
  tile.classList.remove("is-busy");
  tile.removeAttribute("aria-busy");
  show();
}

live.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-tap]");
  if (button) tap(button);
});
