// The table: a page of rows, headers that sort, and a filter below each header.

class DesignTable {
  constructor(view, host) {
    this.view = view;
    this.designs = view.designs;
    this.heads = new Map();
    this.inputs = [];
    this.body = make("tbody");
    this.element = make("table", { class: "designs" }, this.head(), this.body);
    host.replaceChildren(this.element);
    view.listen((kind) => this.update(kind));
    this.update("rows");
  }

  update(kind) {
    for (const [place, head] of this.heads) {
      const { sorting } = this.view;
      const state = sorting.place === place ? (sorting.descending ? "descending" : "ascending") : "none";
      head.setAttribute("aria-sort", state);
    }
    for (const sync of this.inputs) sync();
    const first = this.view.page * this.designs.page;
    const rows = this.view.rowsOfPage.map((row, place) => this.row(row, first + place + 1));
    const columns = this.designs.columns.length + 2;
    this.body.replaceChildren(...(rows.length ? rows : [
      make("tr", {}, make("td", { colspan: columns, class: "muted" }, "No design passes the filters.")),
    ]));
    if (kind === "selection") {
      this.body.querySelector(".selected")?.scrollIntoView({ block: "nearest" });
    }
  }

  head() {
    const names = make("tr", {}, make("th", { scope: "col", class: "number" }, "rank"));
    const filters = make("tr", { class: "filters" }, make("td"));
    if (this.designs.hasDrawings) {
      names.append(make("th", { scope: "col" }, "structure"));
      filters.append(make("td"));
    }
    this.designs.columns.forEach((column, place) => {
      names.append(this.title(column, place));
      filters.append(make("td", { class: column.kind }, ...this.filters(column, place)));
    });
    return make("thead", {}, names, filters);
  }

  title(column, place) {
    const button = make("button", { type: "button", class: "sort", onclick: () => this.view.sort(place) },
      column.label);
    const head = make("th", { scope: "col", class: column.kind }, button);
    if (column.note) head.append(" ", make("small", {}, column.note));
    this.heads.set(place, head);
    return head;
  }

  /** Return the inputs that filter a column; the first one is found by the search above. */
  filters(column, place) {
    if (column.kind === "number") return [this.bound(column, place, 0), this.bound(column, place, 1)];
    if (column.kind === "level") return [this.levels(column, place)];
    return column.kind === "text" ? [this.part(column, place)] : [];
  }

  bound(column, place, end) {
    const words = [["least", "min"], ["greatest", "max"]][end];
    const input = make("input", {
      type: "number", step: "any", placeholder: words[1], "aria-label": `${words[0]} ${column.label}`,
    });
    input.addEventListener("input", () => this.view.change((view) => {
      const limits = [...(view.ranges.get(place) ?? [null, null])];
      limits[end] = input.value === "" ? null : Number(input.value);
      view.limit(place, ...limits);
    }));
    this.inputs.push(() => {
      const value = this.view.ranges.get(place)?.[end] ?? null;
      const typed = input.value === "" ? null : Number(input.value);
      if (typed !== value) input.value = value === null ? "" : String(value);
    });
    return input;
  }

  levels(column, place) {
    const select = choice(column.label, ["all", ...column.levels], 0, (chosen) => this.view.change((view) => {
      if (chosen === 0) view.levels.delete(place);
      else view.levels.set(place, chosen - 1);
    }));
    this.inputs.push(() => {
      select.value = String((this.view.levels.get(place) ?? -1) + 1);
    });
    return select;
  }

  part(column, place) {
    const input = make("input", { type: "search", placeholder: "holds", "aria-label": `${column.label} holds` });
    input.addEventListener("input", () => this.view.change((view) => {
      if (input.value === "") view.texts.delete(place);
      else view.texts.set(place, input.value);
    }));
    this.inputs.push(() => {
      input.value = this.view.texts.get(place) ?? "";
    });
    return input;
  }

  row(row, rank) {
    const { view, designs } = this;
    const chosen = row === view.selected;
    const select = () => view.select(chosen ? null : row);
    const mark = make("button", {
      type: "button", class: "rank", "aria-pressed": String(chosen), title: "mark in the plots",
      onclick: (event) => {
        event.stopPropagation();
        select();
      },
    }, counted(rank));
    const element = make("tr", { class: chosen ? "selected" : null, onclick: select },
      make("td", { class: "number" }, mark));
    if (designs.hasDrawings) element.append(make("td", {}, designs.structure(row) ?? ""));
    designs.columns.forEach((column, place) => {
      const cell = place === 0 ? this.string(row) : designs.text(place, row);
      element.append(make("td", { class: column.kind }, ...[cell].flat()));
    });
    return element;
  }

  string(row) {
    const text = this.designs.strings[row];
    const button = make("button", {
      type: "button", class: "copy", "aria-label": `copy ${text}`,
      onclick: async (event) => {
        event.stopPropagation();
        await copy(text);
        button.textContent = "copied";
      },
    }, "copy");
    const cell = [make("code", {}, text), " ", button];
    if (this.designs.hasScaffolds) cell.push(" ", this.alike(row));
    return cell;
  }

  alike(row) {
    const scaffold = this.designs.scaffold[row];
    return make("button", {
      type: "button", class: "copy", title: this.designs.scaffolds[scaffold] || "no ring",
      onclick: (event) => {
        event.stopPropagation();
        this.view.change((view) => {
          view.scaffold = scaffold;
        });
      },
    }, "same scaffold");
  }
}
