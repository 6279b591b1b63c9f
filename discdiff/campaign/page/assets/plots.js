// The plots beside the table: distribution, best so far, and one number against another.

/** Return for each arm the evaluations at which its best reward rose, and that reward. */
function records(designs) {
  const evaluation = designs.columns[designs.evaluation].cells;
  const reward = designs.columns[designs.reward].cells;
  return designs.arms.map((_, arm) => {
    const rows = [];
    for (let row = 0; row < designs.rows; row++) {
      if (designs.arm[row] === arm && !Number.isNaN(reward[row])) rows.push(row);
    }
    rows.sort((a, b) => evaluation[a] - evaluation[b]);
    let best = -Infinity;
    const steps = [];
    for (const row of rows) {
      if (reward[row] > best) steps.push([evaluation[row], (best = reward[row])]);
    }
    return { steps, end: rows.length ? evaluation[rows.at(-1)] : 0 };
  });
}

/** Draw the best so far of each arm as steps; filters do not change it. */
function drawRecords(pen, plot, found) {
  found.forEach(({ steps, end }, arm) => {
    pen.strokeStyle = colour(plot.designs.arms[arm]);
    pen.lineWidth = 2;
    pen.beginPath();
    steps.forEach(([x, y], place) => {
      if (place === 0) pen.moveTo(plot.across(x), plot.up(y));
      else pen.lineTo(plot.across(x), plot.up(steps[place - 1][1]));
      pen.lineTo(plot.across(x), plot.up(y));
    });
    if (steps.length) pen.lineTo(plot.across(end), plot.up(steps.at(-1)[1]));
    pen.stroke();
  });
}

/** Return a scatter plot whose axes can be chosen among `places`. */
function chosenScatter(view, label, places, x, y, overlay, show) {
  const plot = new Scatter(view, label, x, y, overlay, show);
  const names = places.map((place) => view.designs.columns[place].label);
  const select = (axis) => choice(`${label}, ${axis ? "upward" : "across"}`, names, places.indexOf(plot.axesOf[axis]), (chosen) => {
    plot.axesOf[axis] = places[chosen];
    plot.later();
  });
  plot.caption.replaceChildren(select(1), " against ", select(0));
  return plot;
}

function makePlots(view, host) {
  const { designs } = view;
  const found = [];
  if (designs.reward !== null) {
    const steps = records(designs);
    found.push(new Histogram(view), new Scatter(view, "Best so far, and every evaluation", designs.evaluation, designs.reward,
      (pen, plot) => drawRecords(pen, plot, steps)));
  } else if (designs.numbers.length) {
    found.push(new Histogram(view));
  }
  if (designs.numbers.length > 1) {
    const y = designs.outputs[0] ?? designs.numbers[0];
    const x = designs.outputs[1] ?? designs.numbers.find((place) => place !== y && place !== designs.reward) ?? designs.numbers[1];
    found.push(chosenScatter(view, "scatter", designs.numbers, x, y));
  }
  const legend = designs.arms.map((arm, number) => {
    const size = designs.arm.filter((own) => own === number).length;
    return size ? make("span", {}, make("i", { class: arm }), ` ${arm} (${counted(size)})`) : "";
  });
  host.append(...found.map((plot) => plot.element), make("p", { class: "legend" }, ...legend,
    make("span", {}, make("i", { class: "dim" }), " filtered out"),
    make("span", { class: "muted" }, "Click a point to select it; drag to filter.")));
}
