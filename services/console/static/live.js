// Keeps the page true: shows it again whenever the site says that something changed, and says so when it cannot.
import { told } from "./clock.js";
import { begin, gone, keep } from "./kept.js";
import { morph } from "./morph.js";

const LOOK_AGAIN_MS = 20000; // ages and silences grow without an event
const PAUSES_MS = [500, 1000, 2000, 5000, 10000];
const STREAMS = 4; // of one browser: it allows six connections to a server, and pages need some for what they ask
const ASK_MS = 2000; // how often a page asks that has no stream of its own

const main = document.getElementById("main");
const SPACING_MS = Number(main.dataset.spacing) || 200; // between two renderings, however much happens
const pulse = document.getElementById("pulse");
const dropped = document.getElementById("dropped");
export const live = document.getElementById("live");
export const texts = JSON.parse(main.dataset.texts);

// --- showing ---------------------------------------------------------------------------------------------------------

let showing = false;
let wanted = false;
let position = 0; // of our own last write: what is shown afterwards must hold it
let failures = 0;
let again = 0;

function address() {
  const [path, asked] = main.dataset.live.split("?");
  const query = new URLSearchParams(asked);
  const board = document.getElementById("board");
  if (board) query.set("location", board.dataset.location);
  if (position) query.set("after", position);
  return `${path}?${query}`;
}

export function wrote(at) {
  position = Math.max(position, at);
}

export async function show() {
  if (gone()) return;
  wanted = true;
  if (showing) return;
  showing = true;
  while (wanted) {
    wanted = false;
    try {
      const answer = await fetch(address(), { headers: { Accept: "text/html" }, redirect: "manual", signal: AbortSignal.timeout(15000) });
      if (answer.type === "opaqueredirect" || answer.status === 401) { signedOut(); break; }
      const absent = answer.status === 404 && answer.headers.has("Plek-Now"); // the site itself says in words what is not here
      if (!answer.ok && !absent) throw new Error(String(answer.status));
      const whose = answer.headers.get("Plek-Person");
      if (whose && whose !== main.dataset.person) { location.reload(); break; } // somebody else signed in
      told(Number(answer.headers.get("Plek-Now")));
      const text = await answer.text();
      render(text);
      document.dispatchEvent(new Event("plek:shown"));
      const board = document.getElementById("board");
      if (board) keep(text, board.dataset.location);
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

let tapped = ""; // what had the focus when it was tapped, by its key: its button is another one now

export function focusLater(key) {
  tapped = key;
}

function keepFocus() {
  if (!tapped || document.activeElement !== document.body) return;
  const button = live.querySelector(`[data-key="${CSS.escape(tapped)}"] button`);
  if (button) button.focus({ preventScroll: true });
  tapped = "";
}

// --- saying ----------------------------------------------------------------------------------------------------------

const STATUS_MS = 8000;
const UNDO_MS = 60000; // the places service takes a tap back for a minute

const undo = document.getElementById("undo");
let onUndo = null;

export function say(text, alarm = false, takeBack = null) {
  const [shown, other] = [document.getElementById(alarm ? "said-alert" : "said-status"), document.getElementById(alarm ? "said-status" : "said-alert")];
  other.hidden = true;
  shown.hidden = !text;
  shown.textContent = text;
  onUndo = takeBack;
  undo.hidden = !takeBack;
  clearTimeout(say.later);
  if (text && !alarm) say.later = setTimeout(() => { shown.hidden = true; undo.hidden = true; }, takeBack ? UNDO_MS : STATUS_MS);
}

undo.addEventListener("click", () => {
  const takeBack = onUndo;
  undo.hidden = true;
  onUndo = null;
  if (takeBack) takeBack();
});

const TYPED_IN = 'textarea, input:not([type="checkbox"], [type="radio"], [type="submit"], [type="button"], [type="file"])';

// Who uses a keyboard is at the place they tapped, far from the button: the key every editor has does it from there.
document.addEventListener("keydown", (event) => {
  if (undo.hidden || event.shiftKey || event.altKey || !(event.ctrlKey || event.metaKey)) return;
  if (event.key.toLowerCase() !== "z") return; // with Caps Lock it is a Z
  if (event.target.closest(TYPED_IN)) return; // there it takes back what was typed
  event.preventDefault();
  undo.click();
});

// --- being live ------------------------------------------------------------------------------------------------------

let stream = null; // what tells this page that something changed
let giveBack = null; // the turn of this page, while it has one
let connecting = false;

function close() {
  if (stream) stream.close();
  if (giveBack) giveBack();
  stream = giveBack = null;
}

// Pages side by side are all looked at. What gives back the turn of one that may have a stream; null when there are enough.
async function turn() {
  if (!navigator.locks) return () => {};
  for (let n = 0; n < STREAMS; n++) {
    const back = await new Promise((done) => {
      const held = (lock) => (lock ? new Promise(done) : done(null));
      navigator.locks.request(`plek-stream ${n}`, { ifAvailable: true }, held).catch(() => done(() => {}));
    });
    if (back) return back;
  }
  return null;
}

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
  if (was === "dropped" && undo.hidden) say(texts.back); // a tap can be taken back for its minute, also when the link was gone in it
}

function drop() {
  if (pulse.dataset.state !== "dropped") {
    state("dropped");
    dropped.textContent = texts.dropped.replace("{time}", shownAt());
    dropped.hidden = false;
  }
  close();
  clearTimeout(again);
  again = setTimeout(connect, PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]);
}

export function signedOut() {
  close();
  document.getElementById("notes")?.replaceChildren(); // they are for whoever works here now
  if (main.dataset.keep) shut(); // so is a note or a code somebody was writing
  clearTimeout(again);
  state("dropped");
  const link = document.createElement("a");
  link.href = "/sign-in";
  link.textContent = texts.signInAgain;
  dropped.replaceChildren(`${texts.signedOut.replace("{time}", shownAt())} `, link);
  dropped.hidden = false;
}

// A file that was open in another tab is not left lying on the device.
function leave() {
  live.replaceChildren();
  shut();
}

function shut() {
  document.getElementById("sheet-body")?.replaceChildren();
  document.getElementById("sheet")?.close();
}

function shownAt() {
  const shown = document.getElementById("as-of") || document.getElementById("no-answer");
  return shown ? shown.dataset.time || shown.textContent : "";
}

async function connect() {
  clearTimeout(again);
  if (stream || connecting || document.hidden || gone()) return;
  connecting = true;
  const back = await turn();
  connecting = false;
  if (document.hidden || gone()) { if (back) back(); return; }
  if (!back) { ask(); return; }
  giveBack = back;
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

// In place of a stream, until one is free: looks every now and then.
function ask() {
  const asking = setInterval(async () => {
    await show();
    const back = stream === standIn && await turn();
    if (!back) return;
    back();
    close();
    connect();
  }, ASK_MS);
  const standIn = { readyState: EventSource.OPEN, close: () => clearInterval(asking) };
  stream = standIn;
  show();
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
    close();
  } else {
    connect();
    show();
  }
});
addEventListener("online", connect);
setInterval(() => { if (!document.hidden && stream) show(); }, LOOK_AGAIN_MS);
begin(() => {
  signedOut();
  if (gone() && !main.dataset.keep) leave();
});
if (main.dataset.now) connect();
else drop(); // opened without a connection: what is shown is from before, and says so at once

