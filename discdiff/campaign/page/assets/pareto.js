// The Pareto view: the front of any two scores among the designs that pass the filters.

class ParetoView {
  constructor(view, controls, host, table) {
    const { designs } = view;
    Object.assign(this, { view, designs, table });
    this.signs = designs.directions.map((direction) => (direction === "max" ? 1 : -1));
    this.reference = [null, null];
    this.scores = [0, 1]; // places among the outputs
    this.result = make("span", { role: "status", "aria-live": "polite", id: "front-result" });
    this.plot = new Scatter(view, "Pareto front", ...designs.outputs.slice(0, 2),
      (pen) => this.paint(pen), (row) => !designs.isRejected[row]);
    host.replaceChildren(this.plot.element);
    controls.replaceChildren(this.axis(0), this.axis(1), this.result, make("button", {
      type: "button", onclick: () => this.pick(),
    }, "show the front in the table"));
    view.listen((kind) => kind === "rows" && this.update());
    this.update();
  }

  /** Return the controls of an axis: its score, its direction, and its reference. */
  axis(axis) {
    const way = axis ? "upward" : "across";
    const names = this.designs.outputs.map((place) => this.designs.columns[place].label);
    const direction = choice(`direction ${way}`, ["max", "min"], Number(this.sign(axis) < 0), (chosen) => {
      this.signs[this.scores[axis]] = chosen ? -1 : 1;
      this.update();
    });
    const score = choice(`score ${way}`, names, this.scores[axis], (chosen) => {
      this.scores[axis] = chosen;
      direction.value = String(Number(this.sign(axis) < 0));
      this.update();
    });
    const reference = make("input", {
      type: "number", step: "any", placeholder: "reference", "aria-label": `reference ${way}`,
      oninput: () => {
        this.reference[axis] = reference.value === "" ? null : Number(reference.value);
        this.update();
      },
    });
    return make("span", { class: "axis" }, `${way} `, score, " ", direction, " ", reference);
  }

  sign(axis) {
    return this.signs[this.scores[axis]];
  }

  update() {
    const { designs, view } = this;
    this.plot.axesOf = this.scores.map((score) => designs.outputs[score]);
    const [xs, ys] = this.plot.axesOf.map((place) => designs.columns[place].cells);
    const signs = [this.sign(0), this.sign(1)];
    const rows = [];
    for (let row = 0; row < designs.rows; row++) {
      if (view.open[row] && !designs.isRejected[row]) rows.push(row);
    }
    this.front = paretoFront(rows, xs, ys, signs);
    const words = [`${counted(this.front.length)} on the front`];
    if (this.reference.every((value) => value !== null)) {
      const area = dominatedArea(this.front, xs, ys, signs, this.reference);
      words.push(`hypervolume ${Number(area.toPrecision(6))}`);
    }
    this.result.textContent = words.join(", ");
    this.list();
    this.plot.later();
  }

  /** List the front, at most a page of it. */
  list() {
    const places = this.plot.axesOf;
    const names = places.map((place, axis) => `${this.designs.columns[place].label} (${this.sign(axis) > 0 ? "max" : "min"})`);
    const rows = this.front.slice(0, this.designs.page).map((row) => make("tr", { onclick: () => this.view.select(row) },
      ...places.map((place) => make("td", { class: "number" }, this.designs.text(place, row))),
      make("td", {}, this.designs.structure(row) ?? ""),
      make("td", { class: "string" }, make("code", {}, this.designs.strings[row]))));
    this.table.replaceChildren(
      make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col", class: "number" }, name)),
        make("th", { scope: "col" }, "structure"), make("th", { scope: "col" }, "design"))),
      make("tbody", {}, ...rows));
  }

  pick() {
    this.view.change((view) => {
      view.members = { label: "Pareto front", rows: new Set(this.front) };
    });
    document.getElementById("designs").scrollIntoView();
  }

  /** Mark the front, and join it by the border of what it dominates. */
  paint(pen) {
    const points = this.front.map((row) => this.plot.position(row));
    pen.strokeStyle = pen.fillStyle = colour("front");
    pen.lineWidth = 1.4;
    pen.beginPath();
    points.forEach(([x, y], place) => {
      if (place === 0) pen.moveTo(x, y);
      else pen.lineTo(x, points[place - 1][1]);
      pen.lineTo(x, y);
    });
    pen.stroke();
    for (const [x, y] of points) {
      pen.beginPath();
      pen.arc(x, y, 3.6, 0, 2 * Math.PI);
      pen.fill();
    }
  }
}
