// One request to the places service. The same key each time: a tap whose answer was lost counts once. It says who tapped:
// when somebody else is signed in by then, the site refuses it.
import { gone } from "./kept.js";

const TRIES = 3;
const PAUSE_MS = 700;

export const person = document.getElementById("main").dataset.person;

export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function send(path, body, key, version) {
  if (gone()) return new Response('{"code": "session-ended"}', { status: 401 }); // also while the site does not know it yet
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  if (person) headers["Plek-Person"] = person;
  if (version) headers["If-Match"] = `"${version}"`;
  for (let left = TRIES; ; left--) {
    try {
      return await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10000) });
    } catch (error) {
      if (left <= 1) throw error;
      await new Promise((go) => setTimeout(go, PAUSE_MS));
    }
  }
}
