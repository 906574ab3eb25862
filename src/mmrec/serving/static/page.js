// The page of items: a click sends an event, and the next list is drawn at once.
"use strict";

const LENGTH = 36;
const EXPLAINED = 24;
const NAMES = { text: "text", image: "image", id: "others' histories" };
const $ = (id) => document.getElementById(id);

// crypto.randomUUID exists only on localhost or over HTTPS.
function randomName() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("");
}

let user = localStorage.getItem("mmrec-user") || `visitor-${randomName().slice(0, 8)}`;
let lastEvent = null;
let turn = 0; // answers to requests of an earlier turn are not drawn

function token() {
  if (document.body.dataset.needsToken === "no") return null;
  let kept = sessionStorage.getItem("mmrec-token");
  if (!kept) {
    kept = window.prompt("Token of this server") || "";
    sessionStorage.setItem("mmrec-token", kept);
  }
  return kept;
}

async function ask(path, body, method = body ? "POST" : "GET") {
  const headers = { Accept: "application/json" };
  const secret = token();
  if (secret) headers.Authorization = `Bearer ${secret}`;
  if (body) headers["Content-Type"] = "application/json";
  const start = performance.now();
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const value = await answer.json();
  if (!path.startsWith("/explain")) {
    $("latency").textContent = `${(performance.now() - start).toFixed(0)} ms`;
  }
  if (answer.status === 401) sessionStorage.removeItem("mmrec-token");
  if (!answer.ok) throw new Error(typeof value.detail === "string" ? value.detail : "refused");
  return value;
}

function fill(tile, item) {
  const title = item.title || String(item.item);
  const image = tile.querySelector("img");
  const none = tile.querySelector(".none");
  const showNone = () => {
    image.remove();
    none.hidden = false;
    none.textContent = "no image";
  };
  if (item.image) {
    image.addEventListener("error", showNone);
    image.src = item.image;
  } else {
    showNone();
  }
  tile.querySelector(".title").textContent = title;
  tile.querySelector("li").dataset.item = item.item;
  return title;
}

function drawHistory(items) {
  lastEvent = items.length ? items[items.length - 1].time : null;
  $("nothing").hidden = items.length > 0;
  const tiles = [...items].reverse().map((item) => {
    const tile = $("past-tile").content.cloneNode(true);
    fill(tile, item);
    return tile;
  });
  $("history").replaceChildren(...tiles);
  drawAge();
}

function drawWall(list) {
  $("model").textContent = list.model;
  $("legend").hidden = true;
  const known = list.items.some((item) => item.reason !== "popularity");
  $("next").textContent = known ? "For you" : $("next").dataset.popular;
  const tiles = list.items.map((item) => {
    const tile = $("tile").content.cloneNode(true);
    const title = fill(tile, item);
    const button = tile.querySelector("button");
    button.setAttribute("aria-label", `I like ${title}`);
    button.addEventListener("click", () => observe(item.item));
    const place = tile.querySelector("li");
    for (const on of ["pointerenter", "focusin"]) place.addEventListener(on, () => point(place));
    for (const off of ["pointerleave", "focusout"]) place.addEventListener(off, () => point(null));
    return tile;
  });
  $("wall").replaceChildren(...tiles);
}

// Marks the past item that raises the score of the item under the pointer most.
function point(place) {
  for (const past of $("history").children) {
    past.classList.toggle("because", !!place && past.dataset.item === place.dataset.because);
  }
}

function drawAge() {
  const seconds = lastEvent === null ? null : Math.max(0, Date.now() / 1000 - lastEvent);
  $("age").textContent =
    seconds === null ? "no events yet"
    : seconds < 100 ? `${seconds.toFixed(0)} s old`
    : seconds < 6000 ? `${(seconds / 60).toFixed(0)} min old`
    : `${(seconds / 3600).toFixed(0)} h old`;
}

// The bars show how much each modality adds to the score of an item; they are drawn after the list.
async function drawReasons(mine) {
  for (const place of [...$("wall").children].slice(0, EXPLAINED)) {
    if (mine !== turn || lastEvent === null) return;
    const query = new URLSearchParams({ user, item: place.dataset.item });
    const why = await ask(`/explain?${query}`).catch(() => null);
    if (!why || mine !== turn) return;
    const parts = Object.entries(why.modalities).filter(([, share]) => share > 0);
    const whole = parts.reduce((sum, [, share]) => sum + share, 0);
    if (!whole) continue;
    const bars = place.querySelector(".bars");
    bars.replaceChildren(
      ...parts.map(([name, share]) => {
        const bar = document.createElement("span");
        bar.className = name;
        bar.style.flex = String(share / whole);
        return bar;
      }),
    );
    const shares = parts.map(([n, s]) => `${NAMES[n] || n} ${Math.round((100 * s) / whole)} %`);
    const past = why.history[0];
    const because = past && past.share > 0 ? `; mostly because of ${past.title || past.item}` : "";
    bars.setAttribute("aria-label", `Score from ${shares.join(", ")}${because}`);
    bars.title = bars.getAttribute("aria-label");
    bars.removeAttribute("aria-hidden");
    if (because) place.dataset.because = past.item;
    drawLegend(parts.map(([name]) => name));
  }
}

function drawLegend(names) {
  const known = new Set([...$("legend").querySelectorAll("i")].map((dot) => dot.className));
  if (!$("legend").hidden && names.every((name) => known.has(name))) return;
  $("legend").replaceChildren(
    "Score from",
    ...[...new Set([...known, ...names])].map((name) => {
      const dot = document.createElement("i");
      dot.className = name;
      const entry = document.createElement("span");
      entry.append(dot, NAMES[name] || name);
      return entry;
    }),
  );
  $("legend").hidden = false;
}

async function draw() {
  const mine = ++turn;
  const query = new URLSearchParams({ user });
  const [past, list] = await Promise.all([
    ask(`/history?${query}&last=50`),
    ask(`/recommend?${query}&k=${LENGTH}`),
  ]);
  if (mine !== turn) return;
  drawHistory(past.items);
  drawWall(list);
  drawReasons(mine);
}

async function attempt(work) {
  $("wall").setAttribute("aria-busy", "true");
  try {
    await work();
    $("problem").hidden = true;
  } catch (error) {
    $("problem").textContent = `${error.message}. Try again.`;
    $("problem").hidden = false;
  }
  $("wall").setAttribute("aria-busy", "false");
}

function observe(item) {
  return attempt(async () => {
    await ask("/observe", { user, item, event_type: "click", id: randomName() });
    await draw();
    $("wall").focus({ preventScroll: true });
    $("said").textContent = `The list has changed; ${$("wall").querySelector(".title")?.textContent} is first.`;
  });
}

$("who").addEventListener("submit", (event) => {
  event.preventDefault();
  user = $("user").value;
  localStorage.setItem("mmrec-user", user);
  attempt(draw);
});

$("forget").addEventListener("click", () =>
  attempt(async () => {
    await ask("/forget", { user });
    await draw();
  }),
);

document.documentElement.style.setProperty("--shape", document.body.dataset.shape);
$("user").value = user;
localStorage.setItem("mmrec-user", user);
setInterval(drawAge, 1000);
attempt(draw);
