// How a number is distributed, arm by arm; dragging across filters the table by it.

const BINS = 40;

class Histogram extends Plot {
  constructor(view) {
    super(view, "Distribution");
    this.place = this.designs.reward ?? this.designs.numbers[0];
    const names = this.designs.numbers.map((place) => this.designs.columns[place].label);
    this.caption.append(" of ", choice("distribution of", names, this.designs.numbers.indexOf(this.place), (chosen) => {
      this.place = this.designs.numbers[chosen];
      this.later();
    }));
  }

  /** Count each arm, all of it and what passes the filters, as shares of the arm. */
  prepare() {
    const { designs, view } = this;
    const extent = designs.extent(this.place);
    this.x = padded(extent);
    const [low, high] = extent ?? [0, 1];
    this.edges = [low, (high - low) / BINS || 1];
    const { cells } = designs.columns[this.place];
    const sizes = designs.arms.map(() => 0);
    this.bars = designs.arms.map(() => ({ all: new Float64Array(BINS), open: new Float64Array(BINS) }));
    for (let row = 0; row < designs.rows; row++) {
      if (Number.isNaN(cells[row])) continue;
      const bin = Math.min(BINS - 1, Math.floor((cells[row] - low) / this.edges[1]));
      const arm = designs.arm[row];
      sizes[arm] += 1;
      this.bars[arm].all[bin] += 1;
      this.bars[arm].open[bin] += view.passing[row];
    }
    this.bars.forEach((bars, arm) => {
      for (const heights of [bars.all, bars.open]) heights.forEach((height, bin) => {
        heights[bin] = height / (sizes[arm] || 1);
      });
    });
    this.y = [0, Math.max(...this.bars.flatMap((bars) => [...bars.all]), 1e-9) * 1.05];
    this.names = [designs.columns[this.place].label, "share of the arm"];
  }

  paint(pen) {
    this.bars.forEach((bars, arm) => {
      pen.fillStyle = pen.strokeStyle = colour(this.designs.arms[arm]);
      pen.globalAlpha = 0.35;
      this.outlineOf(bars.open, pen, true);
      pen.globalAlpha = 1;
      pen.lineWidth = 1.4;
      this.outlineOf(bars.all, pen, false);
    });
    const { selected } = this.view;
    if (selected !== null) {
      pen.strokeStyle = colour("ink");
      const x = this.across(this.designs.columns[this.place].cells[selected]);
      if (!Number.isNaN(x)) this.rule(pen, x, MARGIN.top, x, this.height - MARGIN.bottom);
    }
  }

  outlineOf(heights, pen, filled) {
    const [low, width] = this.edges;
    pen.beginPath();
    pen.moveTo(this.across(low), this.up(0));
    heights.forEach((height, bin) => {
      pen.lineTo(this.across(low + bin * width), this.up(height));
      pen.lineTo(this.across(low + (bin + 1) * width), this.up(height));
    });
    pen.lineTo(this.across(low + BINS * width), this.up(0));
    if (filled) pen.fill();
    else pen.stroke();
  }

  dragged(from, here) {
    const [left, , right] = super.dragged(from, here);
    return [left, MARGIN.top, right, this.height - MARGIN.bottom];
  }

  brush(from, here) {
    const [left, , right] = this.dragged(from, here);
    const ends = [left, right].map((pixel) => Number(this.valueAt(pixel, false).toPrecision(4)));
    this.view.change((view) => view.limit(this.place, ...ends));
  }
}
