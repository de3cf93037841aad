"use strict";

const PAUSE = 900;
const find = (id) => document.getElementById(id);
const number = (id) => Number(find(id).value);
let asked = [];
// What is shown belongs to the latest wish; what an earlier one still brings is dropped.
let wish = 0;

function made(kind, text, name) {
  const element = document.createElement(kind);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

async function get(path, body) {
  const request = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const found = await response.json().catch(() => ({ error: "The server answers nothing that can be read." }));
  if (!response.ok) throw new Error(found.error);
  return found;
}

function nearest(scenes) {
  const cell = made("td");
  for (const { place, scene, description, is_right } of scenes) {
    const figure = made("figure", undefined, is_right ? "near right" : "near");
    const image = made("img");
    image.src = `scene/${place}.svg`;
    image.alt = description;
    figure.append(image, made("figcaption", is_right ? `${scene}, the right one` : scene));
    cell.append(figure);
  }
  return cell;
}

function row(round, question, answer, is_true, percentile, scenes) {
  const line = made("tr");
  const head = made("th", round);
  head.scope = "row";
  const said = made("td", answer, is_true === false ? "wrong" : "");
  if (is_true === false) said.append(" (not true)");
  const share = made("td", `${percentile.toFixed(1)} % `);
  const meter = made("meter");
  Object.assign(meter, { min: 0, max: 100, value: percentile });
  meter.setAttribute("aria-hidden", "true");
  share.append(meter);
  line.append(head, made("td", question), said, share, nearest(scenes));
  return line;
}

function begin(game) {
  find("picture").src = `scene/${number("scene")}.svg`;
  find("picture").alt = game.description;
  find("description").textContent = `${game.scene}: ${game.description}`;
  find("caption").textContent = `Q-Bot is told “${game.caption}” and guesses among ${game.pool} scenes.`;
  find("body").replaceChildren(row("told", game.caption, "", null, game.percentile, game.nearest));
}

function add(game, at) {
  const { question, answer, is_true, percentile, nearest } = game.rounds[at];
  find("body").append(row(String(at + 1), question, answer, is_true, percentile, nearest));
  const wrong = is_true === false ? ", which is not true" : "";
  find("status").textContent =
    `Round ${at + 1}: ${question} ${answer}${wrong}. ${percentile.toFixed(1)} percent of the other scenes are farther.`;
}

const sleep = (time) => new Promise((done) => setTimeout(done, time));

// Runs what a person wished for, and says what went wrong.
async function wished(what) {
  const own = ++wish;
  find("alert").textContent = "";
  document.body.setAttribute("aria-busy", "true");
  try {
    await what(() => own === wish);
  } catch (error) {
    if (own === wish) find("alert").textContent = error.message;
  } finally {
    if (own === wish) document.body.removeAttribute("aria-busy");
  }
}

const say = (questions) => get("ask", { scene: number("scene"), seed: number("seed"), questions });

function show() {
  return wished(async (isWanted) => {
    const game = await say([]);
    if (!isWanted()) return;
    asked = [];
    begin(game);
    find("status").textContent = `${game.scene} is shown.`;
  });
}

find("choose").addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
find("anew").addEventListener("click", () => {
  show();
  find("question").focus();
});
find("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  wished(async (isWanted) => {
    const questions = [...asked, find("question").value];
    const game = await say(questions);
    if (!isWanted()) return;
    asked = questions;
    begin(game);
    game.rounds.forEach((_, at) => add(game, at));
    find("question").value = "";
  });
});
find("watch").addEventListener("submit", (event) => {
  event.preventDefault();
  wished(async (isWanted) => {
    const game = await get("play", { scene: number("scene"), seed: number("seed"), rounds: number("rounds") });
    if (!isWanted()) return;
    asked = [];
    begin(game);
    const isSlow = find("slowly").checked && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (let at = 0; at < game.rounds.length; at++) {
      if (isSlow) await sleep(PAUSE);
      if (!isWanted()) return;
      add(game, at);
    }
  });
});

wished(async () => {
  const { scenes, rounds } = await get("pool");
  find("scene").max = scenes - 1;
  find("scenes").textContent = `of ${scenes}, from 0`;
  find("rounds").max = rounds;
}).then(show);
