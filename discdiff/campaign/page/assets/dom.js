// Elements made of text alone: no string of a run ever becomes markup.

/** Return an element; attributes named on… are listeners, children are nodes or strings. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Return a labelled choice; `options` are the texts, `change` is given the place of the chosen. */
function choice(label, options, chosen, change) {
  const select = make("select", { "aria-label": label }, ...options.map((text, place) =>
    make("option", { value: place }, text)));
  select.value = String(chosen);
  select.addEventListener("change", () => change(Number(select.value)));
  return select;
}

/** Return a number as text with thousands set apart. */
function counted(number) {
  return number.toLocaleString("en-US");
}

/** Put `text` on the clipboard, also where the page may not use the clipboard's own interface. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { class: "offscreen", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
