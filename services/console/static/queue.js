// Taps on their way. Each is written down on this device before it is sent, and stays until it is known how it ended: one
// after the other, by one page at a time, under one key and with the time it was tapped, and only for whoever tapped it.
import { observedAt, siteTime, tapped } from "./clock.js";
import { newKey, person, send } from "./send.js";

export const WAITS = "waiting", SENT = "sent", REFUSED = "refused", OUTDATED = "outdated";
const TRIES_MAX = 5; // of a tap the site fails at: the next ones do not wait for it for ever
const KEPT_MAX = 500; // taps a device writes down that wait, and as many that ended: more than a house has places
const TAKEN_MS = 7 * 86400000; // how old what was seen may be when the site hears of it
const TOLD_MS = 60000; // after which nobody waits any more to be told how a tap ended that was sent at once

let opened = null;

function database() {
  opened ??= new Promise((done, failed) => {
    const asked = indexedDB.open("plek", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("taps", { keyPath: "n", autoIncrement: true });
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
  opened.catch(() => { opened = null; });
  return opened;
}

async function ask(mode, what) {
  const transaction = (await database()).transaction("taps", mode);
  const request = what(transaction.objectStore("taps"));
  await new Promise((done, failed) => {
    transaction.oncomplete = done;
    transaction.onerror = transaction.onabort = () => failed(transaction.error);
  });
  return request.result;
}

const everything = () => ask("readonly", (taps) => taps.getAll());
const find = (n) => ask("readonly", (taps) => taps.get(n));
const put = (tap) => ask("readwrite", (taps) => taps.put(tap));
export const drop = (n) => ask("readwrite", (taps) => taps.delete(n));

export async function mine() {
  return (await everything()).filter((tap) => tap.person === person);
}

// Taps of others that wait; old: those no site takes any more, whoever signs in again.
export async function others() {
  const waiting = (await everything()).filter((tap) => tap.person !== person && tap.state === WAITS);
  return { waiting: waiting.length, old: waiting.filter((tap) => Date.now() - (tap.observed ?? tap.here) > TAKEN_MS) };
}

// One page at a time; where a browser has no locks (no HTTPS), one tap at a time on this page.
let before = Promise.resolve();

function alone(work) {
  if (navigator.locks) return navigator.locks.request("plek-taps", work);
  before = before.then(work, work);
  return before;
}

// Writes a tap down; its number. what: {path, body, version, label, place}.
export async function write(what) {
  const taps = await everything(), ended = taps.filter((tap) => tap.state !== WAITS);
  if (taps.length - ended.length >= KEPT_MAX) throw new Error("full");
  for (const { n } of ended.slice(0, Math.max(0, ended.length - KEPT_MAX))) await drop(n);
  return put({ ...what, person, key: newKey(), state: WAITS, tries: 0, late: false, ...tapped() });
}

// Forgets what was sent at once: the board shows it. What was refused while its page was closed has been told to nobody.
export async function tidy() {
  for (const tap of await mine()) {
    if (tap.state === WAITS || tap.late || Date.now() - tap.ended <= TOLD_MS) continue;
    if (tap.state === SENT) await drop(tap.n);
    else await put({ ...tap, late: true });
  }
}

// How a tap stands once all that can be sent now was sent; undefined when it was taken back.
export async function settled(n) {
  await drain();
  return find(n);
}

// Takes back a tap that still waits. Comes back with how it stands when it was sent meanwhile.
export function takeBack(n) {
  return alone(async () => {
    const tap = await find(n);
    if (tap?.state !== WAITS) return tap;
    await drop(n);
    return undefined;
  });
}

// Sends what waits, in order, and stops at the first that cannot be sent now. Comes back with how many still wait.
export function drain() {
  return alone(async () => {
    const waiting = (await mine()).filter((tap) => tap.state === WAITS);
    for (const [at, tap] of waiting.entries()) {
      if (!(await sent(tap))) {
        for (const left of waiting.slice(at)) if (!left.late) await put({ ...left, late: true });
        return waiting.length - at;
      }
    }
    return 0;
  });
}

async function sent(tap) {
  if (!tap.body.observed_at) {
    if (siteTime() === null) return false; // the site has not said what time it is
    tap.body = { ...tap.body, observed_at: observedAt(tap) };
    await put(tap); // the same key asks the same thing, however often
  }
  let answer;
  try {
    answer = await send(tap.path, tap.body, tap.key, tap.version);
  } catch {
    return false;
  }
  const told = (await answer.json().catch(() => null)) ?? {};
  if (answer.status === 401 || told.code === "another-person") return false; // until its owner signs in again
  const known = (answer.ok ? told.position : told.code) !== undefined; // else it was a gateway's, or broke off half way
  if (answer.status === 429 || answer.status >= 500 || !known) {
    tap.tries += answer.status === 500 || (answer.status < 500 && !known) ? 1 : 0;
    if (tap.tries < TRIES_MAX) {
      await put(tap);
      return false;
    }
  }
  const { id, stay_id, position, code } = told, done = answer.ok && known;
  const why = code || (answer.ok || answer.status >= 500 ? "unavailable" : String(answer.status));
  tap.ended = Date.now();
  tap.state = done ? SENT : answer.status === 412 ? OUTDATED : REFUSED;
  tap.answer = { id, stay_id, position, code: done ? null : why };
  await put(tap);
  return true;
}
