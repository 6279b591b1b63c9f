// Pareto fronts of two numbers, and the area that one dominates.

/**
 * Return the rows that no other beats: better in one of the two and not worse in the other.
 * Rows without a number do not count; equal ones are all in it. `signs` are 1 for more is better
 * and -1 for less.
 */
function paretoFront(rows, xs, ys, signs) {
  const [x, y] = [(row) => signs[0] * xs[row], (row) => signs[1] * ys[row]];
  const known = rows.filter((row) => !Number.isNaN(xs[row]) && !Number.isNaN(ys[row]));
  known.sort((a, b) => x(b) - x(a) || y(b) - y(a) || a - b);
  const found = [];
  let best = -Infinity; // highest y so far, and the x at which it was first reached
  let across = null;
  for (const row of known) {
    if (y(row) > best) [best, across] = [y(row), x(row)];
    else if (y(row) < best || x(row) < across) continue;
    found.push(row);
  }
  return found;
}

/** Return the area between `reference` and a front; what does not exceed it adds nothing. */
function dominatedArea(front, xs, ys, signs, reference) {
  let area = 0;
  let covered = signs[1] * reference[1];
  for (const row of front) { // from the best x on, so y rises
    const width = signs[0] * (xs[row] - reference[0]);
    const height = signs[1] * ys[row];
    if (width <= 0 || height <= covered) continue;
    area += width * (height - covered);
    covered = height;
  }
  return area;
}
