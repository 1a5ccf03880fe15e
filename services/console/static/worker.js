// Opens the board without a connection, and forgets it when somebody signs out. `VERSION`, `FILES` and `HOURS` are written
// above this by the site (`api_offline.py`). What people send and what the site tells as it happens is none of its business.
const ASSETS = `plek-files ${VERSION}`;
const BOARD = "plek-board";
const DEVICE = "plek-device"; // whether somebody signed out here whom the site could not be told of yet
const NO_ANSWER = [502, 504];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(ASSETS).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(tidy().then(() => self.clients.claim()));
});

async function tidy() {
  for (const name of await caches.keys()) if (name.startsWith("plek-files ") && name !== ASSETS) await caches.delete(name);
  await forgetOld();
}

self.addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname } = new URL(request.url);
  if (origin !== location.origin) return;
  if (request.method === "POST") {
    if (pathname === "/sign-in" || pathname === "/sign-out") event.respondWith(leave(request, pathname));
    else if (pathname === "/language") event.respondWith(otherwise(request));
  } else if (request.method === "GET") {
    if (pathname.startsWith("/static/")) event.respondWith(file(request));
    else if (request.mode === "navigate") event.respondWith(page(request, pathname));
  }
});

// A file whose address changes with its content is as it was; any other is asked for, and kept for when nobody answers.
async function file(request) {
  const cache = await caches.open(ASSETS).catch(() => null);
  const fixed = request.url.includes("?v=");
  const there = await cache?.match(request).catch(() => undefined);
  if (there && fixed) return there;
  const other = async () => there ?? (await cache?.match(request, { ignoreSearch: true }));
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache?.put(request, answer.clone()).catch(() => {}); // a full store: with a connection all works the same
    return (NO_ANSWER.includes(answer.status) && (await other())) || answer;
  } catch (error) {
    const known = await other();
    if (known) return known;
    throw error;
  }
}

async function page(request, pathname) {
  await forgetOld().catch(() => {}); // a store that fails shuts nobody out who has a connection
  try {
    await leaveNow();
    const answer = await fetch(request);
    await forgetOthers(answer, pathname).catch(() => {});
    if (!NO_ANSWER.includes(answer.status)) return answer;
  } catch { /* no connection */ }
  return (pathname === "/" && (await board(new URL(request.url)).catch(() => null))) || nothing();
}

const nothing = () => caches.match("/offline", { ignoreVary: true });

// --- the board -------------------------------------------------------------------------------------------------------

let era = 0; // of whoever is signed in: what a page says of the one before is kept no more

let before = Promise.resolve(); // one after the other: what one has written down, another does not throw away

self.addEventListener("message", (event) => {
  if (!event.data.text) return;
  before = before.then(() => keep(event.data)).catch(() => {}); // a full store: with a connection all works the same
  event.waitUntil(before);
});

async function owner(cache) {
  return (await cache.match("/kept/owner"))?.json();
}

// What a board shows now; with it, once for each version of the page and for whoever is signed in, the page itself.
async function keep({ text, place, person, tag }) {
  const now = era, there = await owner(await caches.open(BOARD));
  if (there?.person !== person || there.tag !== tag) {
    const page = await fetch("/", { redirect: "manual", headers: { Accept: "text/html" } });
    if (!page.ok || page.headers.get("Plek-Person") !== person || era !== now) return;
    await caches.delete(BOARD);
    const fresh = await caches.open(BOARD);
    // What the last shift left stays on the page and in the site's vault: a device keeps nothing of it.
    const text = (await page.text()).replace(/<!--notes-->[^]*?<!--\/notes-->/g, "");
    await fresh.put("/kept/page", new Response(text, { headers: page.headers }));
    await fresh.put("/kept/owner", new Response(JSON.stringify({ person, tag })));
  }
  const cache = await caches.open(BOARD), headers = { "Plek-Shown": String(Date.now()) };
  for (const name of ["/kept/last", `/kept/live?location=${encodeURIComponent(place)}`]) await cache.put(name, new Response(text, { headers }));
  if (era !== now) await caches.delete(BOARD);
}

async function board(url) {
  if (await leaving()) return null;
  const cache = await caches.open(BOARD), place = url.searchParams.get("location");
  const page = await cache.match("/kept/page");
  const live = await cache.match(place ? `/kept/live?location=${encodeURIComponent(place)}` : "/kept/last");
  if (!page || !live || !young(live)) return null;
  const shown = await live.text();
  const text = (await page.text()).replace(/<!--live-->[^]*<!--\/live-->/, () => shown).replace(/ data-now="\d*"/, "");
  return new Response(text, { headers: page.headers });
}

// A clock that was put back makes nothing younger than it is for ever.
function young(live) {
  return Math.abs(Date.now() - Number(live.headers.get("Plek-Shown"))) < HOURS * 3600000;
}

async function forgetOld() {
  const last = await (await caches.open(BOARD)).match("/kept/last");
  if (last && !young(last)) await forget();
}

// The site says with each page whom it was made for: what is kept of anybody else goes.
async function forgetOthers(answer, pathname) {
  const whose = answer.headers.get("Plek-Person");
  if (answer.type === "opaqueredirect" && pathname === "/") await forget(); // nobody is signed in any more
  else if (whose !== null && ((await owner(await caches.open(BOARD)))?.person ?? whose) !== whose) await forget();
}

async function forget() {
  era += 1;
  await caches.delete(BOARD);
}

// --- whoever is signed in --------------------------------------------------------------------------------------------

// Whether the site itself answered, and not a gateway in its place: it sends on, or says what time it is.
function heard(answer) {
  return answer.type === "opaqueredirect" || answer.headers.has("Plek-Now");
}

async function leave(request, pathname) {
  const out = pathname === "/sign-out";
  await forget().catch(() => {});
  for (const client of await self.clients.matchAll({ includeUncontrolled: true })) client.postMessage(out ? "left" : "changed");
  try {
    if (!out) await leaveNow(); // whoever signs in is not let in beside the one before
    const answer = await fetch(request);
    await forget().catch(() => {}); // what a page wrote down meanwhile
    if (out && !heard(answer)) throw new Error(String(answer.status));
    if (out) await noteLeaving(false);
    return answer;
  } catch {
    if (out) await noteLeaving(true);
    return nothing();
  }
}

async function noteLeaving(now) {
  const device = await caches.open(DEVICE).catch(() => null);
  await (now ? device?.put("/kept/leaving", new Response("")) : device?.delete("/kept/leaving"))?.catch(() => {});
}

async function leaving() {
  return (await caches.open(DEVICE)).match("/kept/leaving");
}

// Somebody signed out without a connection: the first thing the site hears is that. Until it has heard, it shows nothing.
async function leaveNow() {
  if (!(await leaving().catch(() => null))) return;
  const answer = await fetch("/sign-out", { method: "POST", redirect: "manual" });
  if (!heard(answer)) throw new Error(String(answer.status));
  await noteLeaving(false);
}

async function otherwise(request) {
  try {
    const answer = await fetch(request);
    const files = await caches.open(ASSETS).catch(() => null);
    await files?.add("/offline").catch(() => {}); // in the language that was chosen
    return answer;
  } catch {
    return nothing();
  }
}
