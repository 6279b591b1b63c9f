// The designs: columns as Python wrote them, rows numbered best first.

class Designs {
  constructor(found) {
    Object.assign(this, found);
    for (const column of this.columns) {
      if (column.kind === "number") {
        column.cells = Float64Array.from(column.cells, (cell) => (cell === null ? NaN : cell));
      }
    }
    this.strings = this.columns[0].cells;
    this.numbers = this.columns.flatMap((column, place) => (column.kind === "number" ? [place] : []));
    this.isRejected = new Uint8Array(this.rows);
    for (const row of this.rejected) this.isRejected[row] = 1;
    this.drawings = document.getElementById("drawings").content;
    this.hasDrawings = this.drawing.some((number) => number >= 0);
    this.hasScaffolds = this.scaffolds.length > 0;
  }

  /** Return a cell as text. */
  text(place, row) {
    const column = this.columns[place];
    if (column.kind === "level") return column.levels[column.cells[row]];
    if (column.kind !== "number") return column.cells[row];
    const value = column.cells[row];
    if (Number.isNaN(value)) return "–";
    return column.digits === null ? String(Number(value.toPrecision(3))) : value.toFixed(column.digits);
  }

  /** Return a copy of the drawing of a row, null where there is none. */
  structure(row) {
    const number = this.drawing[row];
    return number < 0 ? null : this.drawings.children[number].cloneNode(true);
  }

  /** Return the smallest and the largest number of a column, null where there is none. */
  extent(place) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of this.columns[place].cells) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low > high ? null : [low, high];
  }
}
