// A pad on which one draws with a pointer or with keys. Places are shares of the side, from 0 to 1.

const strokeWidth = 0.07;
const keyStep = 1 / 40;

export class Pad {
  #canvas;
  #changed;
  // What was done, in order: {points}, {picture} or {clear}.
  #actions = [];
  #stroke = null;
  #pointer = null;
  #pen = { x: 0.5, y: 0.5, isDown: false };

  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#end(event));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => { this.#pen.isDown = false; this.#stroke = null; this.draw(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }

  get #visible() {
    const last = this.#actions.findLastIndex((action) => action.clear);
    return this.#actions.slice(last + 1);
  }

  get isEmpty() { return this.#visible.length === 0; }
  get canUndo() { return this.#actions.length > 0; }

  undo() {
    this.#stroke = null;
    this.#pointer = null;
    this.#pen.isDown = false;
    this.#actions.pop();
    this.#update();
  }

  clear() {
    if (this.isEmpty) return;
    this.#stroke = null;
    this.#pen.isDown = false;
    this.#actions.push({ clear: true });
    this.#update();
  }

  addPicture(picture) {
    this.#actions.push({ clear: true }, { picture });
    this.#update();
  }

  // The drawing as a PNG file, black on white.
  png() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 280;
    this.#paint(canvas, "#fff", "#000");
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  // Paints what is visible, and the pen of the keys while they are used.
  draw() {
    const style = getComputedStyle(this.#canvas);
    this.#paint(this.#canvas, style.backgroundColor, style.color);
    if (!this.#canvas.matches(":focus-visible")) return;
    const context = this.#canvas.getContext("2d");
    const side = this.#canvas.width;
    context.beginPath();
    context.arc(this.#pen.x * side, this.#pen.y * side, strokeWidth * side / 2, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    context.stroke();
  }

  #update() {
    this.draw();
    this.#changed();
  }

  #paint(canvas, paper, ink) {
    const context = canvas.getContext("2d");
    const side = canvas.width;
    context.fillStyle = paper;
    context.fillRect(0, 0, side, side);
    context.lineWidth = strokeWidth * side;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = ink;
    for (const action of this.#visible) {
      if (action.picture) {
        const { width, height } = action.picture;
        const scale = side / Math.max(width, height);
        const [w, h] = [width * scale, height * scale];
        context.drawImage(action.picture, (side - w) / 2, (side - h) / 2, w, h);
        continue;
      }
      context.beginPath();
      const [first, ...rest] = action.points;
      context.moveTo(first.x * side, first.y * side);
      if (rest.length === 0) context.lineTo(first.x * side + 0.01, first.y * side);
      for (const point of rest) context.lineTo(point.x * side, point.y * side);
      context.stroke();
    }
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  #begin(event) {
    if (event.button !== 0 || this.#pointer !== null) return;
    event.preventDefault();
    this.#canvas.focus({ focusVisible: false, preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#stroke = [this.#place(event)];
    this.#actions.push({ points: this.#stroke });
    this.#update();
  }

  #move(event) {
    if (event.pointerId !== this.#pointer || this.#stroke === null) return;
    // A pen reports more places than there are pictures on the screen.
    const events = event.getCoalescedEvents?.() ?? [];
    this.#stroke.push(...(events.length ? events : [event]).map((each) => this.#place(each)));
    this.#update();
  }

  #end(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#stroke = null;
  }

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === " ") {
      event.preventDefault();
      this.#pen.isDown = !this.#pen.isDown;
      this.#stroke = null;
      if (this.#pen.isDown) {
        this.#stroke = [{ x: this.#pen.x, y: this.#pen.y }];
        this.#actions.push({ points: this.#stroke });
      }
      this.#update();
    } else if (steps[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      const [dx, dy] = steps[event.key];
      this.#pen.x = Math.min(Math.max(this.#pen.x + dx * keyStep, 0), 1);
      this.#pen.y = Math.min(Math.max(this.#pen.y + dy * keyStep, 0), 1);
      if (this.#pen.isDown && this.#stroke) {
        this.#stroke.push({ x: this.#pen.x, y: this.#pen.y });
        this.#update();
      } else {
        this.draw();
      }
    }
  }
}
