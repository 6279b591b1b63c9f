// Above the table: search, what is shown of how many, and the pages.

class Controls {
  constructor(view, host) {
    this.view = view;
    const what = view.designs.hasScaffolds ? "strings and scaffolds" : "strings";
    this.search = make("input", { type: "search", placeholder: `find in ${what}`, "aria-label": `find in ${what}` });
    this.search.addEventListener("input", () => view.change(() => {
      view.find = this.search.value.trim();
    }));
    this.count = make("span", { id: "count", role: "status", "aria-live": "polite" });
    this.chips = make("span", { class: "chips" });
    this.reset = make("button", { type: "button", onclick: () => view.change(() => view.clear()) }, "show all");
    this.where = make("span", { class: "where" });
    this.back = make("button", { type: "button", onclick: () => view.turn(view.page - 1) }, "previous");
    this.on = make("button", { type: "button", onclick: () => view.turn(view.page + 1) }, "next");
    const pager = make("span", { class: "pager" }, this.back, this.where, this.on);
    host.append(make("div", { class: "bar" }, this.search, this.count, this.chips, this.reset, pager));
    view.listen(() => this.update());
    this.update();
  }

  update() {
    const { view } = this;
    if (this.search.value.trim() !== view.find) this.search.value = view.find;
    this.count.textContent = `${counted(view.shown.length)} of ${counted(view.designs.rows)} designs`;
    this.reset.hidden = !view.isFiltered;
    this.where.textContent = `page ${counted(view.page + 1)} of ${counted(view.pages)}`;
    this.back.disabled = view.page === 0;
    this.on.disabled = view.page >= view.pages - 1;
    const chips = [];
    if (view.scaffold !== null) {
      const name = view.designs.scaffolds[view.scaffold] || "no ring";
      chips.push(this.chip(`scaffold ${name}`, () => {
        view.scaffold = null;
      }));
    }
    if (view.members !== null) {
      chips.push(this.chip(view.members.label, () => {
        view.members = null;
      }));
    }
    this.chips.replaceChildren(...chips);
  }

  chip(text, drop) {
    return make("button", { type: "button", class: "chip", title: "drop this filter", onclick: () => this.view.change(drop) },
      text, make("span", { "aria-hidden": "true" }, " ×"));
  }
}
