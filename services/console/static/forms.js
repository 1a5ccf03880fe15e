// Forms in a dialog: fetched from this server, filled in here, sent straight to the service that decides. A form that is
// refused stays as it is; the same content goes under the same key again, so that a lost answer counts once.
import { live, say, show, signedOut, texts, wrote } from "./live.js";
import { newKey, send } from "./send.js";

const sheet = document.getElementById("sheet");
const inside = document.getElementById("sheet-body");
const told = document.getElementById("form-texts").dataset;
const refusals = { ...texts.refusals, ...JSON.parse(told.refusals) };
const zone = "Europe/Amsterdam";

let from = null; // what opened the dialog, by its key: its button may be another one by then
let sent = { body: "", key: "", next: "" };

async function open(button) {
  try {
    const answer = await fetch(button.dataset.sheet, { headers: { Accept: "text/html" }, redirect: "manual", signal: AbortSignal.timeout(10000) });
    if (answer.type === "opaqueredirect" || answer.status === 401) { signedOut(); return; }
    if (!(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error(String(answer.status));
    inside.innerHTML = await answer.text(); // from this very server, escaped there; scripts in it do not run
    from = button.dataset.key || null;
    sheet.showModal();
    sheet.scrollTop = 0;
    inside.querySelector("h2").focus();
  } catch {
    say(refusals["no-connection"], true);
  }
}

// The wall clock of the city, whatever zone this device is set to.
function moment(text) {
  const guess = new Date(`${text}Z`);
  const shown = new Date(`${guess.toLocaleString("sv-SE", { timeZone: zone }).replace(" ", "T")}Z`);
  return new Date(2 * guess.getTime() - shown.getTime()).toISOString();
}

function put(body, path, value) {
  const names = path.split(".");
  const last = names.pop();
  const into = names.reduce((part, name) => (part[name] ??= {}), body);
  into[last] = value;
}

function add(body, name, value) {
  (body[name] ??= []).push(value);
}

const takes = {
  tick: (body, field) => { if (field.name) put(body, field.name, field.checked); },
  many: (body, field) => { body[field.name] ??= []; if (field.checked) add(body, field.name, field.value); },
  list: (body, field) => { body[field.name] ??= []; if (field.value.trim() && !body[field.name].includes(field.value)) add(body, field.name, field.value.trim()); },
  number: (body, field) => { if (field.value !== "") put(body, field.name, Number(field.value)); },
  money: (body, field) => { if (field.value !== "") put(body, field.name, Math.round(Number(field.value.replace(",", ".")) * 100)); },
  when: (body, field) => put(body, field.name, moment(field.value)),
  file: async (body, field) => { if (field.files[0]) put(body, field.name, await field.files[0].text()); },
  piece: (body, field) => Object.assign(body, JSON.parse(field.value)),
  bands: (body, field) => {
    const members = JSON.parse(field.dataset.members);
    body[field.name] ??= [];
    for (let n = 0; n < Number(field.value); n++) add(body, field.name, { ...(members[n] ? { id: members[n] } : {}), age_band: field.dataset.band });
  },
};

function plain(body, field) {
  const value = field.value.trim();
  if (value) put(body, field.name, value);
  else if (field.dataset.empty === "null") put(body, field.name, null);
}

async function collect(form) {
  const body = JSON.parse(form.dataset.body);
  for (const field of form.elements) if (field.dataset.sort) await (takes[field.dataset.sort] || plain)(body, field);
  return body;
}

function warn(form, code) {
  const alert = form.querySelector("[data-alert]");
  alert.textContent = (refusals[code] || refusals.other).replace("{code}", code);
  alert.hidden = false;
  alert.scrollIntoView({ block: "nearest" });
}

async function submit(form) {
  const button = form.querySelector("button:not([type])");
  button.disabled = true;
  form.setAttribute("aria-busy", "true");
  try {
    const body = await collect(form);
    const path = filled(form.dataset.path, body, encodeURIComponent);
    const text = path + JSON.stringify(body);
    if (text !== sent.body) sent = { body: text, key: newKey(), next: newKey() };
    let answer = await send(path, body, sent.key, form.dataset.version);
    let came = await answer.json().catch(() => ({}));
    if (answer.ok && form.dataset.then) [answer, came] = await then(form, { ...body, ...came });
    if (answer.ok) accepted(form, came);
    else {
      if (answer.status < 500) sent = { body: "", key: "", next: "" }; // it was decided: once more is a new question
      warn(form, came.code || (answer.status >= 500 ? "unavailable" : String(answer.status)));
      if (answer.status === 401) signedOut();
    }
  } catch {
    warn(form, "no-connection");
  }
  form.removeAttribute("aria-busy");
  button.disabled = false;
}

function filled(text, facts, made) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? made(facts[name]) : whole));
}

// The second of two requests; the first one's answer is shown. A second that is refused takes the first back.
async function then(form, facts) {
  const { path, body, backPath, backBody } = JSON.parse(form.dataset.then);
  const told = (made) => JSON.parse(filled(JSON.stringify(made), facts, (value) => JSON.stringify(String(value)).slice(1, -1)));
  const at = (made) => filled(made, facts, encodeURIComponent);
  const answer = await send(at(path), told(body), sent.next);
  const came = await answer.json().catch(() => ({}));
  if (answer.ok) return [answer, { ...facts, ...came }];
  if (answer.status < 500) await send(at(backPath), told(backBody), newKey());
  return [answer, came];
}

function undone(path) {
  return async () => {
    try {
      const answer = await send(path, {}, newKey());
      const came = await answer.json().catch(() => ({}));
      if (answer.ok) { wrote(came.position); say(texts.undone); }
      else say((refusals[came.code] || refusals.other).replace("{code}", came.code), true);
    } catch {
      say(refusals["no-connection"], true);
    }
    show();
  };
}

function accepted(form, came) {
  sent = { body: "", key: "", next: "" };
  if (!("elsewhere" in form.dataset)) wrote(came.position);
  const { go, done, undo } = form.dataset;
  if (go) { location.assign(go.replace("{id}", encodeURIComponent(came.id))); return; }
  const shown = inside.querySelector("[data-came-back]");
  if (shown) {
    for (const line of shown.querySelectorAll("[data-answer]")) line.textContent = words(came[line.dataset.answer], line);
    form.hidden = true;
    shown.hidden = false;
    shown.focus();
  } else {
    sheet.close();
    say(done, false, undo ? undone(undo) : null);
  }
  show();
}

// What came back, in words: files by whose they are, lines of a file that was read by what is wrong with them.
export function words(value, line) {
  if (value === null || value === undefined || value === "") return told.nothing;
  if (Array.isArray(value) && "people" in line.dataset) return value.map((one) => one.alias || one.client_id).join(", ") || told.nobody;
  if (Array.isArray(value)) return value.map((one) => `${one.line}: ${(refusals[one.code] || one.code)}`).join(" · ") || told.nothing;
  if ("money" in line.dataset) return (value / 100).toLocaleString(document.documentElement.lang, { style: "currency", currency: "EUR" });
  if (!("moment" in line.dataset)) return String(value);
  return new Date(value).toLocaleString(document.documentElement.lang, { timeZone: zone, dateStyle: "long", timeStyle: "short" });
}

inside.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.getAttribute("aria-busy") !== "true") submit(event.target);
});

sheet.addEventListener("close", () => {
  inside.replaceChildren(); // a code or a name that was shown is gone with its dialog
  const button = from && live.querySelector(`[data-key="${CSS.escape(from)}"]`);
  if (button) button.focus({ preventScroll: true });
});

document.getElementById("main").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sheet]");
  if (button) open(button);
});

const sift = document.querySelector("[data-sift]");
if (sift) sift.addEventListener("input", () => {
  const wanted = sift.value.trim().toLocaleLowerCase();
  const lines = [...document.getElementById(sift.dataset.sift).children];
  for (const line of lines) line.hidden = !line.dataset.text.includes(wanted);
  document.getElementById(`${sift.dataset.sift}-none`).hidden = lines.some((line) => !line.hidden);
});
