// Lets the board open without a connection: hands what it shows to the worker (`worker.js`), which keeps it for whoever is
// signed in and forgets it when somebody signs out.
const main = document.getElementById("main");
const { person, keep: tag } = main.dataset; // no tag: nothing of this page is kept
const workers = navigator.serviceWorker;

let there = null; // where the worker lives, once there is one; where none may be, there never is
let newest = null; // what waits for it: no more than the last
let left = false;
let told = () => {};

// Whether somebody signed out on this device: whoever taps on this page now is not known to be whom it was made for.
export const gone = () => left;

// text: what the board shows now, as the site told it. A page that was there before the worker is none of its own, and is
// kept all the same.
export function keep(text, place) {
  if (!tag || left) return;
  newest = { text, place, person, tag };
  hand();
}

function hand() {
  if (!there || !newest || left) return;
  there.active.postMessage(newest);
  newest = null;
}

// Every page hears that somebody signed out or in on this device, in whatever tab: one that is not kept as well. Who tried
// to sign in may not have got in: whose board it is by then, the worker asks the site.
workers?.addEventListener("message", (event) => {
  if (event.data !== "left" && event.data !== "changed") return;
  left ||= event.data === "left";
  told();
});

// ended: called then.
export function begin(ended) {
  told = ended;
  if (!tag || !workers) return;
  workers.ready.then((registration) => { there = registration; hand(); });
  workers.register("/worker.js").catch(() => {}); // the page works all the same, with a connection
}
