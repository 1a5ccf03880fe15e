// A walk round the house: what is tapped stays on this device until it is sent, one head count for each kind.
import { observedAt, tapped, told as siteSays } from "./clock.js";
import { newKey, send } from "./send.js";

const main = document.getElementById("main");
const form = document.getElementById("walk");
const alert = document.getElementById("walk-alert");
const result = document.getElementById("result");
const texts = JSON.parse(main.dataset.texts || "{}");
const kinds = JSON.parse(main.dataset.kinds || "{}");
const spots = form ? [...form.querySelectorAll("[data-spot]")] : [];
const there = (spot) => spot.getAttribute("aria-pressed") === "true";
const KEPT = "plek-walk";
const KEPT_MS = 2 * 3600000; // of a walk that was broken off: later, others have come and gone
const keys = {}; // of each kind's count: sent again after a lost answer, it counts once

// A phone that is short of memory loads the page again when it is taken up: what was walked is not walked twice. Kept by this
// tab, of whoever walks, and only what places are.
function keep() {
  const tapped = Object.fromEntries(spots.filter((spot) => "tapped" in spot.dataset).map((spot) => [spot.dataset.spot, there(spot)]));
  const walk = { person: main.dataset.person, location: main.dataset.location, at: Date.now(), tapped };
  try { sessionStorage.setItem(KEPT, JSON.stringify(walk)); } catch { /* a device that keeps nothing */ }
}

function takeUp() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    if (!kept || kept.location !== main.dataset.location) return;
    if (kept.person !== main.dataset.person || Math.abs(Date.now() - kept.at) > KEPT_MS) { sessionStorage.removeItem(KEPT); return; }
    for (const spot of spots.filter((one) => one.dataset.spot in kept.tapped)) press(spot, kept.tapped[spot.dataset.spot]);
  } catch { /* as above */ }
}

function press(spot, is) {
  spot.dataset.tapped = "";
  spot.setAttribute("aria-pressed", is ? "true" : "false");
}

function people(kind) {
  return spots.filter((spot) => there(spot) && (!kind || spot.dataset.kind === kind))
    .reduce((sum, spot) => sum + Number(spot.dataset.people), 0);
}

function tally() {
  const parts = Object.keys(kinds).map((kind) => `${kinds[kind]}: ${people(kind)}`);
  document.getElementById("sums").textContent = `${texts.people.replace("{n}", people())} (${parts.join(", ")})`;
}

function cell(row, text, name = "td", label = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (name === "th") made.scope = "row";
  if (label) {
    made.className = "number";
    made.dataset.label = label;
  }
  row.append(made);
}

function difference(count) {
  const by = count.difference;
  const text = by === 0 ? texts.same : (by < 0 ? texts.fewer : texts.more).replace("{n}", Math.abs(by));
  return count.superseded ? `${text} ${texts.superseded}` : text;
}

function list(id, places) {
  const part = document.getElementById(id);
  part.hidden = places.length === 0;
  part.querySelector("ul").replaceChildren(...places.map((place) => {
    const line = document.createElement("li");
    const spot = spots.find((one) => one.dataset.spot === place);
    line.dataset.differs = place;
    line.textContent = spot ? spot.dataset.name : place;
    return line;
  }));
}

function show(counts) {
  document.getElementById("result-rows").replaceChildren(...counts.map((count) => {
    const row = document.createElement("tr");
    cell(row, kinds[count.kind], "th");
    cell(row, count.counted, "td", texts.counted);
    cell(row, count.expected, "td", texts.expected);
    cell(row, difference(count));
    row.dataset.count = count.kind;
    return row;
  }));
  list("missing", counts.flatMap((count) => count.missing));
  list("unexpected", counts.flatMap((count) => count.unexpected));
  form.hidden = true;
  result.hidden = false;
  result.focus();
}

async function count(kind) {
  const seen = spots.filter((spot) => there(spot) && spot.dataset.kind === kind).map((spot) => spot.dataset.spot);
  const body = { location: main.dataset.location, kind, counted: people(kind), occupied_place_ids: seen };
  const asked = JSON.stringify(body);
  // Counted when it was first sent: an answer that was lost makes no later count of it.
  if (!keys[kind] || keys[kind].asked !== asked) keys[kind] = { key: newKey(), asked, seen: observedAt(tapped()) };
  return send("/api/placement/head-counts", { ...body, observed_at: keys[kind].seen }, keys[kind].key);
}

function trouble(code) {
  alert.textContent = (texts.refusals[code] || texts.refusals.other).replace("{code}", code);
  alert.hidden = false;
}

if (form) {
  takeUp();
  tally();
  form.addEventListener("click", (event) => {
    const spot = event.target.closest("[data-spot]");
    if (!spot) return;
    press(spot, !there(spot));
    keep();
    tally();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    alert.hidden = true;
    try {
      const counts = [];
      for (const kind of Object.keys(kinds)) {
        const answer = await count(kind);
        const told = await answer.json().catch(() => ({}));
        if (told.code === "observed-in-future") { // this device's clock was put on: what time it is, the answer says
          siteSays(Date.parse(answer.headers.get("date")));
          delete keys[kind]; // under its old key it would be refused for ever
        }
        if (!answer.ok) { trouble(told.code || (answer.status >= 500 ? "unavailable" : String(answer.status))); return; }
        counts.push(told);
      }
      show(counts);
      try { sessionStorage.removeItem(KEPT); } catch { /* as above */ }
    } catch {
      trouble("no-connection");
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}
