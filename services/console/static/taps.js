// What a tap does: a request to the places service, or a sheet with more to choose from, whose forms are requests too.
import { gone } from "./kept.js";
import { focusLater, live, say, show, signedOut, texts, wrote } from "./live.js";
import { SENT, WAITS, drain, drop, settled, takeBack, write } from "./queue.js";
import { newKey, send } from "./send.js";
import { list, reason } from "./taps_here.js";

const ANSWER_MS = 30000; // how long another site's answer is waited for while one looks
const ASK_AGAIN_MS = 500;
const LONG_MS = 500; // a press of that long is not a tap

const sheet = document.getElementById("sheet");
const inside = document.getElementById("sheet-body");

function clock(text) {
  return new Date(text).toLocaleTimeString(document.documentElement.lang, { timeZone: "Europe/Amsterdam", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function fill(text, told) {
  return text.replace("{time}", told.expires_at ? clock(told.expires_at) : "");
}

async function refused(answer) {
  const problem = await answer.json().catch(() => ({}));
  const code = problem.code || (answer.status >= 500 ? "unavailable" : String(answer.status));
  say(reason(code), true);
  if (answer.status === 401) signedOut();
}

// Sends one request and says what came of it. element: what was tapped, with the path, what is said and how it is undone.
async function act(element, body) {
  try {
    if (gone()) await sendNow(element, body); // nobody's any more: it is refused, and not written down as theirs
    else if ("later" in element.dataset && (await written(element, body))) return;
    else if (await drain().catch(() => 0)) say(texts.refusals["taps-wait"], true); // they go in the order they were made
    else await sendNow(element, body);
  } catch {
    say(texts.refusals["no-connection"], true);
  }
  document.dispatchEvent(new Event("plek:acted"));
}

async function sendNow(element, body) {
  const { path, done, version, undo, undoBody } = element.dataset;
  const answer = await send(path, body, newKey(), version);
  if (!answer.ok) {
    await refused(answer);
    return;
  }
  const told = await answer.json();
  wrote(told.position);
  const takeBack = undo ? () => takenBack(undo, told, undoBody && JSON.parse(undoBody)) : null;
  say(fill(done, told), false, takeBack);
  if (told.status === "pending" && told.expires_at) answered(told.id, takeBack);
}

// What happened at the desk whether or not there is a connection is written down first, and sent when there is. False when
// this device cannot write it down: then it is sent as anything else.
async function written(element, body) {
  const { path, done, version, undo, label } = element.dataset;
  const place = element.closest("[data-place]")?.dataset.place ?? (sheet.dataset.from || undefined); // a sheet's own tile
  let n;
  try {
    n = await write({ path, body, version, label: label || element.textContent.trim(), place });
  } catch {
    return false;
  }
  const tap = await settled(n);
  if (!tap) return true;
  if (tap.answer?.position) wrote(tap.answer.position);
  if (tap.state === SENT) say(fill(done, tap.answer), false, undo ? () => takenBack(undo, tap.answer) : null);
  else if (tap.state === WAITS) say(texts.refusals["tap-waits"], false, () => notSent(n, undo));
  else say(reason(tap.answer.code), true);
  if (tap.state !== WAITS && !tap.late) await drop(n);
  await list();
  return true;
}

// Takes back a tap that waits; one that was sent meanwhile is undone at the site.
async function notSent(n, undo) {
  const tap = await takeBack(n);
  if (!tap) say(texts.undone);
  else if (tap.state === SENT && undo) await takenBack(undo, tap.answer);
  await list();
}

async function takenBack(undo, { id, stay_id: stay }, body = {}) {
  const path = undo.replace("{id}", id).replace("{stay_id}", stay);
  try {
    const answer = await send(path, body, newKey());
    if (answer.ok) {
      wrote((await answer.json()).position);
      say(texts.undone);
    } else {
      await refused(answer);
    }
  } catch {
    say(texts.refusals["no-connection"], true);
  }
  show();
}

async function answered(id, takeBack) {
  // Another site was asked by letter: its answer is worth a word, also when it is no.
  for (const until = Date.now() + ANSWER_MS; Date.now() < until;) {
    await new Promise((go) => setTimeout(go, ASK_AGAIN_MS));
    const answer = await fetch(`/api/placement/holds/${id}`).catch(() => null);
    const hold = answer && answer.ok ? await answer.json() : null;
    if (!hold || hold.status === "pending") continue;
    if (hold.status === "active") say(fill(texts.answers.active, hold), false, takeBack);
    else say(hold.code ? `${texts.answers.refused} ${reason(hold.code)}` : texts.answers[hold.status] || texts.answers.refused, true);
    show();
    return;
  }
}

async function tap(button) {
  const tile = button.closest("[data-key]:not(button)");
  if (tile.classList.contains("is-busy")) return;
  tile.classList.add("is-busy");
  tile.setAttribute("aria-busy", "true");
  await act(button, JSON.parse(button.dataset.body));
  focusLater(tile.dataset.key);
  tile.classList.remove("is-busy");
  tile.removeAttribute("aria-busy");
  show();
}

async function open(button) {
  try {
    const answer = await fetch(button.dataset.sheet, { headers: { Accept: "text/html" }, redirect: "manual", signal: AbortSignal.timeout(10000) });
    if (answer.type === "opaqueredirect" || answer.status === 401) { signedOut(); return; }
    inside.innerHTML = await answer.text(); // from this very server, escaped there; scripts in it do not run
    const tile = button.closest("[data-key]:not(button)");
    sheet.dataset.from = tile ? tile.dataset.key : "";
    sheet.showModal();
    sheet.scrollTop = 0;
  } catch {
    say(texts.refusals["no-connection"], true);
  }
}

sheet.addEventListener("close", () => inside.replaceChildren()); // a code or a note is gone with its dialog

inside.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = JSON.parse(form.dataset.body);
  for (const number of form.querySelectorAll("input[type=number]")) body[number.name] = Number(number.value);
  for (const typed of form.querySelectorAll("input[type=text], input[type=time], textarea")) body[typed.name] = typed.value.trim();
  for (const piece of form.querySelectorAll("select[data-piece], input[data-piece]:checked")) Object.assign(body, JSON.parse(piece.value));
  if (event.submitter) Object.assign(body, JSON.parse(event.submitter.dataset.piece));
  sheet.close();
  await act(form, body);
  if (sheet.dataset.from) focusLater(sheet.dataset.from);
  show();
});

// A long press anywhere on a place is its "more": with one hand, in the dark, the whole tile is easier to find than a dot.
let press = 0, pressed = false;

live.addEventListener("touchstart", (event) => {
  clearTimeout(press);
  pressed = false;
  const more = event.target.closest("[data-place]")?.querySelector("[data-tap=more]:enabled");
  if (!more || event.touches.length > 1) return;
  press = setTimeout(() => { pressed = true; open(more); }, LONG_MS);
  // Told to what was pressed, also when it is another one by now. What has come under the finger is not tapped by lifting it.
  event.target.addEventListener("touchend", (lifted) => {
    clearTimeout(press);
    if (pressed) lifted.preventDefault();
  }, { once: true });
}, { passive: true });
for (const end of ["touchmove", "touchcancel"]) live.addEventListener(end, () => clearTimeout(press), { passive: true });
live.addEventListener("contextmenu", (event) => {
  if (event.pointerType !== "mouse" && event.target.closest("[data-place]")) event.preventDefault(); // ours, not the browser's
});

live.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.sheet) open(button);
  else if (button.dataset.tap) tap(button);
});
