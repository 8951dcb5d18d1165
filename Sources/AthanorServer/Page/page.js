import { Pad } from "/pad.js";

const element = (id) => document.getElementById(id);
let model = null;
let pad = null;
let chosen = null;  // the chosen picture file of a model that reads no digits
let isAsking = false;
let isChanged = false;
let lastAnswer = null;
let revision = 0;

// MARK: The model

async function begin() {
  try {
    const response = await fetch("/v1/model");
    if (!response.ok) throw new Error(`the service answered ${response.status}`);
    model = await response.json();
  } catch (error) {
    return fail(`The service does not answer (${error.message}). Is it running? Load this page again.`);
  }
  const weights = model.parameters.toLocaleString("en");
  const about = (what) => { element("about").textContent = `The network "${model.name}" with ${weights} weights ${what}`; };
  const origin = location.origin;
  if (!model.picture) {
    const shape = (port) => `${port.name}: ${port.type} of shape (${port.shape.map((n) => n ?? "any").join(", ")})`;
    title("A network of numbers");
    about("answers programs.");
    element("numbers").hidden = false;
    element("example").textContent = `POST ${origin}/v1/predict\n{"inputs": {"${model.inputs[0].name}": [...]}}\n\n`
      + `Inputs: ${model.inputs.map(shape).join("; ")}\nOutputs: ${model.outputs.map(shape).join("; ")}`;
    element("curl").textContent = `curl -d '{"inputs": ...}' ${origin}/v1/predict`;
    return;
  }
  element("curl").textContent = `curl --data-binary @picture.png ${origin}/v1/predict`;
  for (const id of ["answer", "sight"]) element(id).hidden = false;
  if (model.picture.preparation === "mnist-digit") {
    title(areDigits() ? "Draw a digit" : "Draw");
    about("reads it while you draw.");
    element("draw").hidden = false;
    element("sight-text").textContent =
      "Cut out, scaled to 20 pixels, centred by its mass in 28 x 28, white on black: the form of MNIST's digits, which the network learned from.";
    pad = new Pad(element("pad"), drawingChanged);
    element("undo").addEventListener("click", () => pad.undo());
    element("clear").addEventListener("click", () => pad.clear());
    document.addEventListener("keydown", shortcut);
  } else {
    title("Show a picture");
    about("says what is on it.");
    element("drop").hidden = false;
    element("sight-text").textContent = "The picture in the size that the network takes.";
  }
  takePictures();
  showBars(null);
}

const areDigits = () => model.labels.join() === "0,1,2,3,4,5,6,7,8,9";

function title(text) {
  element("title").textContent = text;
  document.title = `${text} - Athanor`;
}

// MARK: Input

function drawingChanged() {
  element("undo").disabled = !pad.canUndo;
  element("clear").disabled = pad.isEmpty;
  changed();
}

function shortcut(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) {
    event.preventDefault();
    if (pad.canUndo) pad.undo();
  } else if (event.key === "Escape") {
    pad.clear();
  }
}

function takePictures() {
  for (const input of document.querySelectorAll(".file")) {
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    });
  }
  const target = pad ? element("pad") : element("zone");
  document.addEventListener("dragover", (event) => { event.preventDefault(); target.classList.add("over"); });
  document.addEventListener("dragleave", () => target.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("over");
    const file = event.dataTransfer.files[0];
    if (file) take(file);
  });
}

async function take(file) {
  if (pad) {
    try {
      pad.addPicture(await createImageBitmap(file));
    } catch {
      pad.clear();
      fail(`${file.name} is no picture that this browser reads.`);
    }
    return;
  }
  chosen = file;
  const preview = element("preview");
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.hidden = false;
  element("invitation").textContent = file.name;
  changed();
}

// MARK: Questions

// The page says which of its changes was answered last, for tests.
function changed() {
  revision += 1;
  document.body.dataset.changes = revision;
  isChanged = true;
  if (!isAsking) ask();
}

// Asks about the newest drawing; what changes meanwhile is asked next, so that at most one question is on its way.
async function ask() {
  isAsking = true;
  if (!pad) element("sure").textContent = "Reading ...";
  while (isChanged) {
    isChanged = false;
    if (pad?.isEmpty) {
      showNothing();
      continue;
    }
    try {
      const response = await fetch("/v1/explain", { method: "POST", body: pad ? await pad.png() : chosen });
      const answer = await response.json();
      if (!response.ok) {
        showNothing();
        fail([answer.error.message, answer.error.fix].filter(Boolean).join(". "));
      } else if (!pad?.isEmpty) {
        element("error").hidden = true;
        show(answer);
      }
    } catch {
      showNothing();
      fail("The service does not answer. Is it running?");
    }
  }
  document.body.dataset.settled = revision;
  isAsking = false;
}

function fail(text) {
  element("error").textContent = text;
  element("error").hidden = false;
}

// MARK: Answers

function showNothing() {
  lastAnswer = null;
  element("error").hidden = true;
  showBars(null);
  element("responses").hidden = true;
  const seen = element("seen");
  seen.getContext("2d").clearRect(0, 0, seen.width, seen.height);
}

function show(answer) {
  lastAnswer = answer;
  showBars(answer);
  showPicture(answer.picture);
  showLayers(answer.layers);
}

function showBars(answer) {
  const numbers = answer?.[model.numbers] ?? {};
  let names = model.labels;
  if (names.length > 12) {
    names = [...names].sort((a, b) => (numbers[b] ?? 0) - (numbers[a] ?? 0)).slice(0, 10);
  }
  const values = names.map((name) => (Array.isArray(numbers) ? numbers[0] : numbers[name]) ?? 0);
  const isShare = model.numbers === "probabilities";
  const scale = isShare ? 1 : Math.max(...values.map(Math.abs), 1e-9);
  const text = (value) => isShare ? `${(value * 100).toFixed(1)} %` : value.toPrecision(4);
  const list = element("bars");
  while (list.children.length > names.length) list.lastChild.remove();
  while (list.children.length < names.length) list.append(bar());
  names.forEach((name, index) => {
    const [label, track, number] = list.children[index].children;
    label.textContent = name;
    label.title = name;
    track.firstChild.style.width = `${Math.min(Math.abs(values[index]) / scale, 1) * 100}%`;
    number.textContent = answer ? text(values[index]) : "";
    list.children[index].classList.toggle("best", answer?.label === name);
  });
  const label = answer?.label ?? (answer ? text(values[0]) : "?");
  // The same text again would be read aloud again.
  if (element("label").textContent !== label) element("label").textContent = label;
  element("label").classList.toggle("long", label.length > 3);
  const share = answer && answer.label !== undefined ? text(numbers[answer.label] ?? 0) : "";
  element("sure").textContent = share || (answer ? "" : pad ? (areDigits() ? "Draw a digit from 0 to 9." : "Draw something.") : "Choose a picture.");
}

function bar() {
  const item = document.createElement("li");
  for (const name of ["name", "track", "number"]) {
    const part = document.createElement("span");
    part.className = name;
    item.append(part);
  }
  const fill = document.createElement("div");
  fill.className = "fill";
  item.children[1].append(fill);
  return item;
}

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

function showPicture({ width, height, channels, pixels }) {
  const seen = element("seen");
  [seen.width, seen.height] = [width, height];
  const values = bytes(pixels);
  paint(seen, width, height, (place) => {
    const at = (channel) => values[place * channels + Math.min(channel, channels - 1)];
    return [at(0), at(1), at(2), 255];
  });
}

function showLayers(layers) {
  const place = element("layers");
  element("responses").hidden = layers.length === 0;
  const color = getComputedStyle(document.documentElement).getPropertyValue("--accent-rgb").split(",").map(Number);
  while (place.children.length > layers.length) place.lastChild.remove();
  layers.forEach((layer, index) => {
    let block = place.children[index];
    if (!block) {
      block = document.createElement("div");
      block.append(document.createElement("h3"), document.createElement("div"));
      block.lastChild.className = "maps";
      place.append(block);
    }
    const further = layer.count > layer.maps.length ? `, the first ${layer.maps.length} of ${layer.count}` : "";
    block.firstChild.textContent =
      `${layer.name} (${layer.kind}): ${layer.count} pictures of ${layer.width} x ${layer.height}${further}`;
    const maps = block.lastChild;
    maps.setAttribute("role", "img");
    maps.setAttribute("aria-label", `What ${layer.count} filters of ${layer.name} respond to`);
    while (maps.children.length > layer.maps.length) maps.lastChild.remove();
    while (maps.children.length < layer.maps.length) maps.append(document.createElement("canvas"));
    layer.maps.forEach((map, number) => {
      const canvas = maps.children[number];
      [canvas.width, canvas.height] = [layer.width, layer.height];
      canvas.title = `filter ${number}`;
      const values = bytes(map);
      paint(canvas, layer.width, layer.height, (spot) => [...color, values[spot]]);
    });
  });
}

function paint(canvas, width, height, color) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let place = 0; place < width * height; place += 1) picture.data.set(color(place), 4 * place);
  context.putImageData(picture, 0, 0);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (lastAnswer) show(lastAnswer); });
begin();
