// A plot: a canvas with two axes, and what a pointer does on it.

const MARGIN = { left: 54, right: 12, top: 10, bottom: 40 };
const REACH = 10; // pixels around a point in which the pointer finds it
const DRAG = 5; // pixels from which a click is a drag

/** Return round numbers from `low` to `high`, about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.7);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place++) {
    found.push(Number((place * step).toPrecision(12)));
  }
  return found;
}

/** Return the ends of an axis around `extent`, with some air. */
function padded(extent) {
  const [low, high] = extent ?? [0, 1];
  const air = (high - low) * 0.04 || Math.abs(high) * 0.1 || 1;
  return [low - air, high + air];
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** What every plot shares; a kind of plot has `prepare`, `paint`, and what the pointer does. */
class Plot {
  constructor(view, label) {
    this.view = view;
    this.designs = view.designs;
    this.x = [0, 1];
    this.y = [0, 1];
    this.names = ["", ""];
    this.due = false;
    this.canvas = make("canvas", { role: "img", "aria-label": label });
    this.box = make("div", { class: "brush", hidden: true });
    this.area = make("div", { class: "plot" }, this.canvas, this.box);
    this.caption = make("figcaption", {}, label);
    this.element = make("figure", {}, this.caption, this.area);
    this.follow();
    view.listen((kind) => (kind === "rows" || kind === "selection") && this.later());
    new ResizeObserver(() => this.later()).observe(this.area);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
  }

  /** Draw with the next frame, once however often it is asked for. */
  later() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.area;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.width = width;
    this.height = height;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    this.prepare();
    this.axes(pen);
    this.paint(pen);
  }

  across(value) {
    return MARGIN.left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * (this.width - MARGIN.left - MARGIN.right);
  }

  up(value) {
    return this.height - MARGIN.bottom
      - ((value - this.y[0]) / (this.y[1] - this.y[0])) * (this.height - MARGIN.top - MARGIN.bottom);
  }

  /** Return the value on an axis at a pixel: the inverse of `across` and `up`, within the axis. */
  valueAt(pixel, vertical) {
    const share = vertical
      ? (this.height - MARGIN.bottom - pixel) / (this.height - MARGIN.top - MARGIN.bottom)
      : (pixel - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
    const [low, high] = vertical ? this.y : this.x;
    return low + Math.max(0, Math.min(1, share)) * (high - low);
  }

  axes(pen) {
    const bottom = this.height - MARGIN.bottom;
    pen.font = "11px system-ui, sans-serif";
    pen.lineWidth = 1;
    pen.strokeStyle = colour("line");
    pen.fillStyle = colour("muted");
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const value of ticks(...this.y, 5)) {
      this.rule(pen, MARGIN.left, this.up(value), this.width - MARGIN.right, this.up(value));
      pen.fillText(this.tick(value), MARGIN.left - 6, this.up(value));
    }
    pen.textAlign = "center";
    for (const value of ticks(...this.x, Math.max(2, this.width / 90))) {
      this.rule(pen, this.across(value), bottom, this.across(value), bottom + 4);
      pen.fillText(this.tick(value), this.across(value), bottom + 13);
    }
    this.rule(pen, MARGIN.left, bottom, this.width - MARGIN.right, bottom);
    pen.fillText(this.names[0], (MARGIN.left + this.width - MARGIN.right) / 2, this.height - 9);
    pen.save();
    pen.translate(10, (MARGIN.top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(this.names[1], 0, 0);
    pen.restore();
  }

  tick(value) {
    return Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-4) ? value.toExponential(0) : counted(value);
  }

  rule(pen, x0, y0, x1, y1) {
    pen.beginPath();
    pen.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
    pen.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    pen.stroke();
  }

  /** Tell hovering, clicking and dragging apart. */
  follow() {
    let start = null;
    const place = (event) => {
      const frame = this.canvas.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = place(event);
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const here = place(event);
      if (start === null) this.hover(here, event);
      else this.outline(start, here);
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const [from, here] = [start, place(event)];
      start = null;
      this.box.hidden = true;
      if (Math.hypot(here[0] - from[0], here[1] - from[1]) < DRAG) this.click(here);
      else this.brush(from, here);
    });
    this.canvas.addEventListener("pointercancel", () => {
      start = null;
      this.box.hidden = true;
    });
    this.canvas.addEventListener("pointerleave", () => tip.hide());
  }

  /** Show the rectangle that is being dragged. */
  outline(from, here) {
    tip.hide();
    const [left, top, right, bottom] = this.dragged(from, here);
    this.box.hidden = false;
    Object.assign(this.box.style, {
      left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    });
  }

  dragged(from, here) {
    return [
      Math.min(from[0], here[0]), Math.min(from[1], here[1]), Math.max(from[0], here[0]), Math.max(from[1], here[1]),
    ];
  }

  hover() {}

  click() {}
}

/** A small card beside the pointer. */
const tip = {
  element: make("div", { class: "tip", hidden: true }),
  show(event, ...children) {
    this.element.replaceChildren(...children);
    this.element.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = event.clientX + 14 + width > innerWidth ? event.clientX - 14 - width : event.clientX + 14;
    const top = Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 4));
    Object.assign(this.element.style, { left: `${Math.max(4, left)}px`, top: `${top}px` });
  },
  hide() {
    this.element.hidden = true;
  },
};
