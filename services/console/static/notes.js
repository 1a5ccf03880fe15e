// What the last shift left: asked for by itself now and then, and when somebody here wrote or settled one. It is on this
// page only: a device keeps nothing of it (`api_offline.py`), and nobody who signed out leaves it standing.
import { gone } from "./kept.js";
import { morph } from "./morph.js";

const LOOK_MS = 20000;
const person = document.getElementById("main").dataset.person;

async function look() {
  const there = document.getElementById("notes"), board = document.getElementById("board");
  if (!there || !board || document.hidden) return;
  if (gone()) { there.replaceChildren(); return; }
  try {
    const address = `/notes?location=${encodeURIComponent(board.dataset.location)}`;
    const answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "manual", signal: AbortSignal.timeout(10000) });
    if (!(answer.ok || answer.status === 503) || answer.headers.get("Plek-Person") !== person) return;
    const fresh = document.createElement("div");
    fresh.innerHTML = await answer.text(); // from this very server, escaped there; scripts in it do not run
    morph(there, fresh);
    mark();
  } catch { /* no connection: the page says so, and what was read is still true */ }
}

// Places something was left about: their tile says so.
function mark() {
  const noted = new Set([...document.querySelectorAll("[data-note]")].map((one) => one.dataset.note));
  for (const tile of document.querySelectorAll(".tile[data-place]")) {
    const there = tile.querySelector(".noted");
    if (noted.has(tile.dataset.place) === Boolean(there)) continue;
    if (there) { there.remove(); continue; }
    const said = document.createElement("p");
    said.className = "noted";
    said.textContent = document.querySelector(".notes").dataset.word;
    tile.querySelector(".what > div").append(said);
  }
}

document.addEventListener("plek:acted", look);
document.addEventListener("plek:shown", mark);
addEventListener("online", look);
setInterval(look, LOOK_MS);
mark();
