// Looks again when something changed, keeps the reader's place, and marks what is new.
"use strict";

const stream = () => document.querySelector(".stream");
const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 80;
let busy = false;
let again = false;

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (answer.ok) {
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const known = new Set([...document.querySelectorAll("article[id]")].map((post) => post.id));
      const old = stream();
      const followed = atEnd(old);
      const place = old.scrollTop;
      document.title = next.title;
      document.getElementById("channels").replaceWith(next.getElementById("channels"));
      document.getElementById("posts").replaceWith(next.getElementById("posts"));
      for (const post of document.querySelectorAll("article[id]")) {
        if (!known.has(post.id)) {
          post.classList.add("fresh");
        }
      }
      stream().scrollTop = followed ? stream().scrollHeight : place;
    }
  } finally {
    busy = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

stream().scrollTop = stream().scrollHeight;
const changes = new EventSource("/_page/changes");
changes.onmessage = refresh;
changes.onopen = () => {
  document.body.classList.remove("away");
  refresh();
};
changes.onerror = () => document.body.classList.add("away");
