// The slider: the network as it was, hour by hour back to a week ago. What is shown comes from the server, as live as ever.
import { show } from "./live.js";

const form = document.querySelector("form.when");
const slide = document.getElementById("slide");
const slid = document.getElementById("slid");
const field = document.getElementById("at");
const main = document.getElementById("main");
const zone = "Europe/Amsterdam";
const HOUR_MS = 3600000;

function moment() {
  const hours = Number(slide.value);
  return hours === 0 ? null : new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS + hours * HOUR_MS);
}

function shown(at) {
  return at ? at.toLocaleString(document.documentElement.lang, { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) : form.querySelector("a.button").textContent;
}

function look() {
  const at = moment();
  const query = new URLSearchParams(location.search);
  if (at) query.set("at", at.toISOString()); else query.delete("at");
  const asked = query.size ? `?${query}` : "";
  main.dataset.live = `/city/live${asked}`;
  history.replaceState(null, "", `/city${asked}`);
  field.value = at ? at.toLocaleString("sv-SE", { timeZone: zone }).replace(" ", "T").slice(0, 16) : "";
  show();
}

slide.closest("p").hidden = false;
slide.setAttribute("aria-valuetext", slid.textContent);
slide.addEventListener("input", () => {
  slid.textContent = shown(moment());
  slide.setAttribute("aria-valuetext", slid.textContent);
  clearTimeout(look.later);
  look.later = setTimeout(look, 120);
});
