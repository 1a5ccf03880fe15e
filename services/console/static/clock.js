// What time it is at the site. This device's own clock may be wrong; an observation never counts as newer than it is.
let site = 0; // the site's time when it last answered, in milliseconds since 1970
let here = 0; // this device's then
let ticks = 0; // and how long this page had been open

told(Number(document.getElementById("main").dataset.now));

export function told(milliseconds) {
  if (!milliseconds) return;
  [site, here, ticks] = [milliseconds, Date.now(), performance.now()];
}

// The site's time now; null before it has answered once. A clock that stood still while the device slept is outrun by
// the other one.
export function siteTime() {
  return site ? site + Math.max(Date.now() - here, performance.now() - ticks) : null;
}

// What a tap knows of its time. A page that was opened without a connection knows only its own clock.
export function tapped() {
  return { observed: siteTime(), here: Date.now() };
}

// When something was tapped, as the site counts. Needs an answer of the site; never later than now.
export function observedAt({ observed, here: then }) {
  const now = siteTime();
  return new Date(Math.min(observed ?? now - Math.max(0, Date.now() - then), now)).toISOString();
}
