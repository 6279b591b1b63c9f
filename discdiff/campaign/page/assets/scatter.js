// Two numbers of each design as points: hover to see one, click to select it, drag to filter.

class Scatter extends Plot {
  /** `overlay(pen, plot)` draws above the points; `show(row)` says which rows count. */
  constructor(view, label, x, y, overlay = () => {}, show = () => true) {
    super(view, label);
    this.axesOf = [x, y];
    this.overlay = overlay;
    this.show = show;
    this.canvas.locate = (row) => this.position(row); // for scripts: where a row is, in pixels
  }

  prepare() {
    const [x, y] = this.axesOf;
    this.x = padded(this.designs.extent(x));
    this.y = padded(this.designs.extent(y));
    this.names = [x, y].map((place) => this.designs.columns[place].label);
  }

  position(row) {
    const [x, y] = this.axesOf.map((place) => this.designs.columns[place].cells[row]);
    return [this.across(x), this.up(y)];
  }

  paint(pen) {
    this.points(pen, (row) => !this.view.passing[row], () => "dim");
    this.points(pen, (row) => this.view.passing[row], (row) => this.designs.arms[this.designs.arm[row]]);
    this.overlay(pen, this);
    this.ring(pen, this.view.selected);
  }

  /** Draw the rows that are `wanted`, better ones above the others, in the colour of `kind`. */
  points(pen, wanted, kind) {
    const size = this.designs.rows > 5000 ? 2.4 : 3.6;
    const colours = new Map(["dim", ...this.designs.arms].map((name) => [name, colour(name)]));
    let last = null;
    pen.globalAlpha = 0.6;
    for (let row = this.designs.rows - 1; row >= 0; row--) {
      if (!wanted(row) || !this.show(row)) continue;
      const name = kind(row);
      if (name !== last) pen.fillStyle = colours.get((last = name));
      const [x, y] = this.position(row);
      pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
    pen.globalAlpha = 1;
  }

  ring(pen, row) {
    if (row === null) return;
    const [x, y] = this.position(row);
    pen.strokeStyle = colour("ink");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, 6, 0, 2 * Math.PI);
    pen.stroke();
  }

  /** Return the row nearest to a pixel among those shown, null if none is near. */
  nearest([x, y]) {
    let best = null;
    let least = REACH * REACH;
    for (const row of this.view.shown) {
      if (!this.show(row)) continue;
      const [px, py] = this.position(row);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) [best, least] = [row, distance];
    }
    return best;
  }

  hover(here, event) {
    const row = this.nearest(here);
    this.canvas.classList.toggle("over", row !== null);
    if (row === null) {
      tip.hide();
      return;
    }
    const places = [...new Set([this.designs.reward, ...this.axesOf])].filter((place) => place !== null);
    const values = places.map((place) =>
      make("span", {}, `${this.designs.columns[place].label} ${this.designs.text(place, row)}`));
    const structure = this.designs.structure(row);
    tip.show(event, ...(structure ? [structure] : []), make("div", { class: "scores" }, ...values),
      make("code", {}, this.designs.strings[row]));
  }

  click(here) {
    this.view.select(this.nearest(here));
  }

  brush(from, here) {
    const [left, top, right, bottom] = this.dragged(from, here);
    const ends = [[left, right, false], [bottom, top, true]].map(([low, high, vertical]) =>
      [low, high].map((pixel) => Number(this.valueAt(pixel, vertical).toPrecision(4))));
    this.view.change((view) => this.axesOf.forEach((place, axis) => view.limit(place, ...ends[axis])));
  }
}
