// What of the designs is shown, and in which order: the one state that table and plots share.

class View {
  constructor(designs) {
    this.designs = designs;
    this.listeners = [];
    this.sorting = { place: designs.reward, descending: true };
    this.orders = new Map();
    this.selected = null;
    this.page = 0;
    this.clear();
    this.refresh();
  }

  /** Call `listener` after every change, with "rows", "order", "page" or "selection". */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Forget every filter. */
  clear() {
    this.find = ""; // in the string and its scaffold
    this.ranges = new Map(); // place of a column → [low, high], either may be null
    this.levels = new Map(); // place of a column → number of the level
    this.texts = new Map(); // place of a column → part of its text
    this.scaffold = null;
    this.members = null; // { label, rows }: designs picked elsewhere on the page
  }

  /** Change the filters by `act`, then show what passes them from its first page on. */
  change(act) {
    act(this);
    this.page = 0;
    this.refresh();
    this.tell("rows");
  }

  /** Show numbers of a column only from `low` to `high`; null for no limit. */
  limit(place, low, high) {
    if (low === null && high === null) this.ranges.delete(place);
    else this.ranges.set(place, [low, high]);
  }

  /** Sort by a column; by the same one again the other way round. */
  sort(place) {
    const again = place === this.sorting.place;
    const first = this.designs.columns[place].kind === "number"; // large numbers first
    this.sorting = { place, descending: again ? !this.sorting.descending : first };
    this.page = 0;
    this.refresh();
    this.tell("order");
  }

  turn(page) {
    this.page = Math.max(0, Math.min(page, this.pages - 1));
    this.tell("page");
  }

  /** Select a row and turn to its page; null for none. */
  select(row) {
    this.selected = row;
    const place = row === null ? -1 : this.shown.indexOf(row);
    if (place >= 0) this.page = Math.floor(place / this.designs.page);
    this.tell("selection");
  }

  get pages() {
    return Math.max(1, Math.ceil(this.shown.length / this.designs.page));
  }

  get rowsOfPage() {
    const first = this.page * this.designs.page;
    return this.shown.slice(first, first + this.designs.page);
  }

  get isFiltered() {
    return this.shown.length < this.designs.rows;
  }

  tell(kind) {
    for (const listener of this.listeners) listener(kind);
  }

  /** Find out which rows pass: `open` those that pass all filters but `members`. */
  refresh() {
    const { rows } = this.designs;
    const tests = this.tests();
    this.open = new Uint8Array(rows);
    this.passing = new Uint8Array(rows);
    for (let row = 0; row < rows; row++) {
      if (!tests.every((test) => test(row))) continue;
      this.open[row] = 1;
      if (this.members === null || this.members.rows.has(row)) this.passing[row] = 1;
    }
    this.shown = this.order().filter((row) => this.passing[row]);
  }

  /** Return a test of a row for each filter that is set. */
  tests() {
    const { columns, strings, scaffold, scaffolds, hasScaffolds } = this.designs;
    const tests = [];
    if (this.find) {
      const within = (row) => hasScaffolds && scaffolds[scaffold[row]].includes(this.find);
      tests.push((row) => strings[row].includes(this.find) || within(row));
    }
    if (this.scaffold !== null) tests.push((row) => scaffold[row] === this.scaffold);
    for (const [place, level] of this.levels) {
      tests.push((row) => columns[place].cells[row] === level);
    }
    for (const [place, part] of this.texts) {
      tests.push((row) => columns[place].cells[row].includes(part));
    }
    for (const [place, [low, high]] of this.ranges) {
      const { cells } = columns[place];
      // a missing number is in no range
      tests.push((row) => cells[row] >= (low ?? -Infinity) && cells[row] <= (high ?? Infinity));
    }
    return tests;
  }

  /** Return all rows in the chosen order: stable, and rows without a value last either way. */
  order() {
    const { place, descending } = this.sorting;
    const key = `${place} ${descending}`;
    if (!this.orders.has(key)) {
      const rows = Array.from({ length: this.designs.rows }, (_, row) => row);
      this.orders.set(key, rows.sort(this.comparison(place, descending)));
    }
    return this.orders.get(key);
  }

  comparison(place, descending) {
    const column = this.designs.columns[place];
    const sign = descending ? -1 : 1;
    if (column === undefined) return () => 0;
    const cells = column.kind === "level" ? column.cells.map((cell) => column.levels[cell]) : column.cells;
    const missing = column.kind === "number" ? Number.isNaN : (cell) => cell === "";
    return (a, b) => {
      const [x, y] = [cells[a], cells[b]];
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      return x < y ? -sign : x > y ? sign : 0;
    };
  }
}
