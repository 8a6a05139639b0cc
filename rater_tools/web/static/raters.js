// One key an answer: the next photo is loaded before, answers go out behind the scenes, and
// while the server is away they are kept in this browser and sent again. A reply carries a
// token of its own, so that sending it twice adds nothing.

const screen_ = document.getElementById("screen");
const kind = screen_.dataset.kind;
const said = document.getElementById("said");
const remark = document.getElementById("remark");
const AHEAD = 5, SLOWEST = 8000;
const OUTBOX = `raters-outbox-${screen_.dataset.rater}`;

let queue = [];                 // tasks held; the first is shown
const answered = new Set();     // tasks answered here, whose reply may still be on its way
let outbox = JSON.parse(localStorage.getItem(OUTBOX) || "[]");
let sending = null;
let picks = [], second = null, wrong = new Set(), comment = "", row = "";
let shownAt = 0, began = performance.now(), count = 0;

const token = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

function tell(text, bad = false) {
  said.textContent = text;
  said.hidden = !text;
  said.classList.toggle("bad", bad);
}

// What the server answers; tried until it does. Null where it refuses, after saying why.
// Whoever is no longer signed in is asked to, with what was not sent still kept.
async function post(url, body) {
  for (let pause = 250; ; pause = Math.min(2 * pause, SLOWEST)) {
    let response = null;
    try {
      response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    } catch { /* not there: again below */ }
    if (response?.ok) {
      tell("");
      return response.json();
    }
    if (response?.status === 401) {
      location.href = "/";
      throw new Error("not signed in");
    }
    if (response && response.status < 500) {
      const { error } = await response.json().catch(() => ({ error: response.statusText }));
      tell(String(error), true);
      return null;
    }
    tell("The server does not answer. What you say is kept here and sent as soon as it does.", true);
    await wait(pause);
  }
}

function hold(tasks) {
  for (const task of tasks) {
    if (!answered.has(task.task) && !queue.some((t) => t.task === task.task)) queue.push(task);
  }
  for (const task of queue.slice(0, AHEAD)) {
    for (const source of [task.photo, task.sticker, ...(task.choices || []).map((c) => c.photo)]) {
      if (source) new Image().src = source;
    }
  }
}

async function take() {
  const got = await post("/api/take", { attribute: kind, count: AHEAD });
  if (got) hold(got.tasks);
}

function send() {
  sending ??= (async () => {
    while (outbox.length) {
      const got = await post("/api/reply", { ...outbox[0], count: AHEAD });
      outbox.shift();
      localStorage.setItem(OUTBOX, JSON.stringify(outbox));
      const idle = !queue.length;
      if (got) hold(got.tasks);
      else if (idle) await take();
      if (idle) show();
    }
  })().finally(() => (sending = null));
  return sending;
}

const section = () => queue.length && document.querySelector(`section[data-attribute="${queue[0].attribute}"]`);

function show() {
  picks = []; second = null; wrong = new Set(); comment = ""; row = "";
  remark.hidden = true;
  const task = queue[0];
  screen_.hidden = !task;
  document.getElementById("nothing").hidden = Boolean(task) || outbox.length > 0;
  if (!task) {
    delete screen_.dataset.task;
    return;
  }
  for (const part of document.querySelectorAll("section[data-attribute]")) {
    part.hidden = part.dataset.attribute !== task.attribute;
  }
  const photo = document.getElementById("photo"), sticker = document.getElementById("sticker");
  if (photo && photo.getAttribute("src") !== task.photo) photo.src = task.photo;
  if (sticker) sticker.src = task.sticker;
  for (const person of section().querySelectorAll(".person")) {
    const choice = task.choices[person.dataset.place];
    person.hidden = !choice;
    if (choice) {
      person.dataset.code = choice.value;
      person.querySelector("img").src = choice.photo;
    }
  }
  let past = true;
  for (const step of document.querySelectorAll("[data-step]")) {
    if (step.dataset.step === task.attribute) past = false;
    step.className = past ? "done" : step.dataset.step === task.attribute ? "now" : "";
  }
  screen_.dataset.task = task.task;
  shownAt = performance.now();
  mark();
}

function mark() {
  const part = section();
  for (const tile of part.querySelectorAll("[data-code]")) {
    tile.classList.toggle("first", picks.includes(tile.dataset.code));
    tile.classList.toggle("second", second === tile.dataset.code);
    tile.classList.toggle("in-row", Boolean(row) && tile.dataset.keys.startsWith(row));
  }
  for (const chip of part.querySelectorAll("[data-wrong]")) {
    chip.setAttribute("aria-pressed", wrong.has(chip.dataset.wrong));
  }
  part.classList.toggle("row-open", Boolean(row));
}

function reply(what) {
  const task = queue.shift();
  if (!task) return;
  answered.add(task.task);
  const seconds = Math.round(performance.now() - shownAt) / 1000;
  outbox.push({ task: task.task, attribute: kind, token: token(), comment, seconds, ...what });
  localStorage.setItem(OUTBOX, JSON.stringify(outbox));
  count += what.kind !== "skip";
  const minutes = (performance.now() - began) / 60000;
  document.getElementById("pace").textContent =
    `${count} rated` + (minutes > 0.2 ? ` · ${Math.round(count / minutes)} a minute` : "");
  show();
  send();
}

async function undo() {
  await send();
  const got = await post("/api/undo", { token: token() });
  if (!got) return;
  const [task] = got.tasks;
  if (!task) {
    tell("There is nothing to take back.");
    return;
  }
  answered.delete(task.task);
  queue = [task, ...queue.filter((t) => t.task !== task.task)];
  count = Math.max(0, count - 1);
  show();
}

function pick(tile, asSecond) {
  const { many, second: both, scores } = section().dataset, code = tile.dataset.code;
  if (many === "1") {
    picks = picks.includes(code) ? picks.filter((c) => c !== code) : [...picks, code];
  } else if (scores) {
    picks = [code];
  } else if (asSecond) {
    second = second === code ? null : code;
  } else if (both === "1" && !picks.length) {
    picks = [code];
    if (second === code) second = null;
    if (second !== null) return finish();
  } else {
    if (both !== "1") picks = [code];
    else if (code !== picks[0]) second = code;
    return finish();
  }
  mark();
}

function finish() {
  const part = section(), { many, scores } = part.dataset;
  if (many === "1") {
    const order = [...part.querySelectorAll("[data-code]")].map((t) => t.dataset.code);
    return reply({ kind: "value", value: order.filter((c) => picks.includes(c)).join("") || "-" });
  }
  if (!picks.length) return tell(scores ? "Give a score from 1 to 5 first." : "Choose a tile first.");
  const twice = second !== null && second !== picks[0];
  reply({ kind: "value", value: picks[0], second: twice ? second : null, wrong: [...wrong] });
}

const acts = {
  none_fits: () => reply({ kind: "none_fits" }),
  unseen: () => reply({ kind: "unseen" }),
  skip: () => reply({ kind: "skip" }),
  send: finish,
  undo,
  comment: () => {
    remark.hidden = false;
    remark.elements.comment.value = comment;
    remark.elements.comment.focus();
  },
};
const KEYS = { "-": "none_fits", ".": "unseen", ArrowRight: "skip", Enter: "send", Backspace: "undo", c: "comment" };

function wear(chip) {
  const name = chip.dataset.wrong;
  if (!wrong.delete(name)) wrong.add(name);
  mark();
}

function press(event) {
  if (event.target.matches("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  const key = digit ?? (event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (event.target.matches("button, a") && (key === "Enter" || key === " ")) return;
  const act = KEYS[key];
  if (act) {
    if (act !== "undo" && !queue.length) return;
    if (act !== "send" && act !== "undo" && !document.querySelector(`[data-act="${act}"]`)) return;
    event.preventDefault();
    acts[act]();
    return;
  }
  if (!queue.length) return;
  if (key === "Escape") {
    picks = []; second = null; row = "";
    mark();
    return;
  }
  const parts = [...section().querySelectorAll("[data-keys]:not([hidden])")];
  const hit = parts.find((t) => t.dataset.keys === row + key);
  if (hit) {
    event.preventDefault();
    row = "";
    if (hit.dataset.wrong) wear(hit);
    else pick(hit, event.shiftKey);
  } else {
    row = parts.some((t) => t.dataset.keys.length > 1 && t.dataset.keys.startsWith(key)) ? key : "";
    mark();
  }
}

document.addEventListener("keydown", press);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  button.blur();
  if (button.dataset.act) acts[button.dataset.act]();
  else if (button.dataset.wrong) wear(button);
  else if (button.dataset.keys) pick(button, event.shiftKey);
});
function closeRemark() {
  remark.elements.comment.blur();  // the next key is an answer again
  remark.hidden = true;
}

remark.addEventListener("submit", (event) => {
  event.preventDefault();
  comment = remark.elements.comment.value;
  closeRemark();
  if (comment) tell("Your comment goes with your answer.");
});
remark.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeRemark();
});

await send();
await take();
show();
