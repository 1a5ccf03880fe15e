// Lets the board open without a connection: hands what it shows to the worker (`worker.js`), which keeps it for whoever is
// signed in and forgets it when somebody signs out.
const main = document.getElementById("main");
const { person, keep: tag } = main.dataset; // no tag: nothing of this page is kept
const workers = tag ? navigator.serviceWorker : undefined;

let over = false;

// text: what the board shows now, as the site told it. A page that was there before the worker is none of its own, and is
// kept all the same.
export async function keep(text, place) {
  const there = await workers?.ready;
  if (!over) there?.active.postMessage({ text, place, person, tag });
}

// ended: called when somebody signed out or in on this device, in whatever tab.
export function begin(ended) {
  workers?.addEventListener("message", (event) => {
    if (event.data !== "left") return;
    over = true;
    ended();
  });
  workers?.register("/worker.js").catch(() => {}); // the page works all the same, with a connection
}
