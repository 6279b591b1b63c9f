// Brings the page to life; without it the page shows the best designs and drawn figures.

function start() {
  const byId = (id) => document.getElementById(id);
  const designs = new Designs(JSON.parse(byId("data").textContent));
  if (!designs.rows) return;
  const view = new View(designs);
  document.documentElement.classList.add("scripted");
  document.body.append(tip.element);
  new Controls(view, byId("controls"));
  new DesignTable(view, byId("table"));
  makePlots(view, byId("plots"));
  if (designs.hasScaffolds) new ScaffoldView(view, byId("scaffold-order"), byId("scaffold-cards"));
  if (designs.outputs.length > 1) {
    new ParetoView(view, byId("pareto-controls"), byId("pareto-plot"), byId("front"));
  }
}

start();
