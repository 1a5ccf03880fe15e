// What changed on the board since whoever is signed in last looked at it on this device: each place by what it was then.
// Only what places are is kept, and of one person: who looks next begins anew.
import { gone } from "./kept.js";

const KEPT = "plek-looked";
const SHORT_MS = 120000; // who looked away for less than that has seen it change
const SHOWN_MAX = 12;
const { person } = document.getElementById("main").dataset;
const part = document.getElementById("since");
const words = part ? JSON.parse(part.dataset.texts) : {};

let before = null; // how it was, until somebody has seen what changed
let back = true; // whether somebody has just come back: what changes while one looks is no news
let news = [];

function board() {
  const there = document.getElementById("board");
  if (!there) return null;
  const tiles = [...there.querySelectorAll("[data-place]")];
  const places = Object.fromEntries(tiles.map((tile) => [tile.dataset.place, tile.dataset.status]));
  return { person, location: there.dataset.location, at: Date.now(), places };
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT));
    if (kept && kept.person === person) return kept;
    localStorage.removeItem(KEPT);
  } catch { /* a device that keeps nothing has nothing to compare with */ }
  return null;
}

function look() {
  const now = board();
  if (!now || gone()) return;
  try {
    localStorage.setItem(KEPT, JSON.stringify(news.length ? before : now)); // what nobody has seen is not forgotten
  } catch { /* as above */ }
}

export function changes(then, now) {
  if (!then?.places || !now || then.location !== now.location || now.at - then.at < SHORT_MS) return [];
  return Object.entries(now.places).filter(([id, status]) => then.places[id] && then.places[id] !== status)
    .map(([id, status]) => ({ id, was: then.places[id], is: status }));
}

function show() {
  if (!back) return;
  back = false;
  news = changes(before, board());
  part.hidden = !news.length;
  if (!news.length) return;
  const clock = new Date(before.at).toLocaleTimeString(document.documentElement.lang, { timeZone: "Europe/Amsterdam", weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  document.getElementById("since-title").textContent = words.title.replace("{time}", clock).replace("{n}", news.length);
  document.getElementById("since-lines").replaceChildren(...news.slice(0, SHOWN_MAX).map(({ id, was, is }) => {
    const line = document.createElement("li");
    const { name } = document.querySelector(`[data-place="${CSS.escape(id)}"]`).dataset;
    line.textContent = `${name}: ${words.status[was]} → ${words.status[is]}`;
    return line;
  }));
}

if (part) {
  before = read();
  document.getElementById("since-seen").addEventListener("click", () => {
    news = [];
    part.hidden = true;
    look();
    document.getElementById("main").focus();
  });
  document.addEventListener("plek:shown", show);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { look(); return; }
    before = read();
    back = true;
  });
  addEventListener("pagehide", look);
  show();
}
