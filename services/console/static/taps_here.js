// The taps of this device that wait, or that came to nothing: each with how it stands, until somebody has seen it.
import { live, texts } from "./live.js";
import { WAITS, drain, drop, mine, others, takeBack, tidy } from "./queue.js";

const RETRY_MS = 5000;
const part = document.getElementById("taps-here");
const lines = document.getElementById("taps-lines");
const words = part ? JSON.parse(part.dataset.texts) : {};

function clock(moment) {
  return new Date(moment).toLocaleTimeString(document.documentElement.lang, { timeZone: "Europe/Amsterdam", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function reason(code) {
  return (texts.refusals[code] || texts.refusals.other).replace("{code}", code);
}

function line(tap) {
  const made = document.createElement("li");
  made.className = "line";
  made.dataset.key = `tap ${tap.n}`;
  made.dataset.tapState = tap.state;
  const said = document.createElement("div");
  const what = document.createElement("p");
  what.textContent = tap.label;
  const how = document.createElement("p");
  how.className = "soft detail";
  const ended = words[tap.state].replace("{time}", clock(tap.observed ?? tap.here));
  how.textContent = tap.state === "refused" ? `${ended} ${reason(tap.answer.code)}` : ended;
  said.append(what, how);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.dataset.drop = tap.n;
  if (tap.state === WAITS) button.dataset.waits = "";
  button.textContent = tap.state === WAITS ? words.drop : words.seen;
  const about = document.createElement("span");
  about.className = "unseen";
  about.textContent = `: ${tap.label}`;
  button.append(about);
  const taps = document.createElement("div");
  taps.className = "taps";
  taps.append(button);
  made.append(said, taps);
  return made;
}

// Tiles with a tap that waits: what they show is from before it.
function mark(waiting) {
  for (const tile of live.querySelectorAll("[data-place]")) {
    const tap = waiting.find((one) => one.place === tile.dataset.place);
    let note = tile.querySelector(".waits");
    if (!tap) {
      if (note) {
        note.remove();
        for (const button of tile.querySelectorAll("button")) button.disabled = false;
      }
      continue;
    }
    if (!note) {
      note = document.createElement("p");
      note.className = "waits";
      tile.querySelector(".what > div").append(note);
    }
    note.textContent = words.waiting.replace("{time}", clock(tap.observed ?? tap.here));
    for (const button of tile.querySelectorAll("button")) button.disabled = true;
  }
}

let drawn = ""; // what the lines say now: whoever is about to tap one finds it where it is

// Shows how they stand.
export async function list() {
  if (!part) return;
  await tidy();
  const [taps, { waiting: elsewhere, old }] = [await mine(), await others()];
  const shown = taps.filter((tap) => tap.late);
  const [said, on] = [JSON.stringify(shown), document.activeElement];
  const focused = said !== drawn && lines.contains(on) && on.dataset.drop;
  if (said !== drawn) lines.replaceChildren(...shown.map(line));
  drawn = said;
  document.getElementById("taps-others").hidden = !elsewhere;
  document.getElementById("taps-others").textContent = words[elsewhere === 1 ? "others.one" : "others.other"].replace("{n}", elsewhere);
  const forget = document.getElementById("taps-old");
  forget.hidden = !old.length;
  if (old.length) forget.textContent = words[old.length === 1 ? "old.one" : "old.other"].replace("{n}", old.length);
  document.getElementById("taps-list").hidden = !shown.length;
  part.hidden = !shown.length && !elsewhere;
  mark(shown.filter((tap) => tap.state === WAITS));
  if (focused) (lines.querySelector(`[data-drop="${focused}"]`) ?? lines.querySelector("button") ?? document.getElementById("main")).focus();
}

if (part) {
  document.getElementById("taps-old").addEventListener("click", async () => {
    for (const tap of (await others()).old) await takeBack(tap.n);
    await list();
  });
  lines.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-drop]");
    if (!button) return;
    const n = Number(button.dataset.drop);
    if ((await takeBack(n)) && !("waits" in button.dataset)) await drop(n); // one that was sent meanwhile is shown
    await list();
  });
  const go = async () => {
    if ((await mine()).some((tap) => tap.state === WAITS)) await drain();
    await list();
  };
  document.addEventListener("plek:shown", go);
  addEventListener("online", go);
  setInterval(go, RETRY_MS);
  list();
}
