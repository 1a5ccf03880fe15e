// Makes one tree of nodes equal to another with as little change as possible, so that focus, an open list and the place one
// is looking at stay. Elements are the same when their id or data-key says so; one that is busy with a tap, or is shown by a
// script of its own (data-own), is left alone.

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset?.key || "" : "";
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

export function morph(old, fresh) {
  const known = new Map();
  for (const child of old.children) if (key(child)) known.set(key(child), child);
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const named = key(wanted) && known.get(key(wanted));
    const match = named && named.nodeName === wanted.nodeName ? named : place && !key(place) && same(place, wanted) ? place : null;
    if (!match) {
      old.insertBefore(wanted, place);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    update(match, wanted);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function update(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.classList.contains("is-busy") || "own" in old.dataset) return;
  if (old.nodeName === "SELECT" && old === document.activeElement) return;
  const changed = "figure" in old.dataset && old.textContent !== fresh.textContent;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morph(old, fresh);
  if (changed) {
    old.classList.add("changed");
    old.addEventListener("animationend", () => old.classList.remove("changed"), { once: true });
  }
}
