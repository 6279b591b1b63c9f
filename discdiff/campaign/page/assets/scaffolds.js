// The scaffold view: cards that filter the table, by their best design or by how many there are.

const CARDS = 24;

class ScaffoldView {
  constructor(view, controls, host) {
    this.view = view;
    this.host = host;
    this.cards = [...host.children].map((card) => ({
      card,
      scaffold: Number(card.dataset.scaffold), // numbered in the order of their best designs
      count: Number(card.dataset.count),
      button: this.chooser(card),
    }));
    controls.append(choice("order of the scaffolds", ["best design first", "most designs first"], 0, (chosen) => this.arrange(chosen)));
    view.listen((kind) => kind === "rows" && this.update());
    this.arrange(0);
    this.update();
  }

  chooser(card) {
    const scaffold = Number(card.dataset.scaffold);
    const button = make("button", { type: "button", "aria-pressed": "false", onclick: () => this.choose(scaffold) }, "show its designs");
    card.append(button);
    return button;
  }

  choose(scaffold) {
    this.view.change((view) => {
      view.scaffold = view.scaffold === scaffold ? null : scaffold;
    });
    if (this.view.scaffold !== null) document.getElementById("designs").scrollIntoView();
  }

  arrange(byCount) {
    const order = this.cards.toSorted((a, b) => (byCount ? b.count - a.count : 0) || a.scaffold - b.scaffold);
    this.host.replaceChildren(...order.slice(0, CARDS).map(({ card }) => card));
  }

  update() {
    for (const { card, button, scaffold } of this.cards) {
      const chosen = scaffold === this.view.scaffold;
      card.classList.toggle("selected", chosen);
      button.setAttribute("aria-pressed", String(chosen));
    }
  }
}
