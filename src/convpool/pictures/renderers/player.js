// Plays a film in an element: buttons, a slider, speed, keys. All that is drawn stands in the film.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = { // drawn, since a machine's fonts may lack the signs
  play: "M4 2l10 6-10 6z",
  pause: "M4 2h3v12h-3zM9 2h3v12h-3z",
  back: "M13 2v12l-8-6zM3 2h2v12h-2z",
  on: "M3 2v12l8-6zM11 2h2v12h-2z",
  shade: "M8 2a6 6 0 0 0 0 12zM8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14M8 2a6 6 0 0 0 0 12a6 6 0 0 0 0-12",
};
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];

export function player(element, film) {
  const last = film.captions.length - 1;
  const groups = film.groups.map(([first, stop, shapes]) => {
    const node = make(SVG, "g", {}, shapes.map((shape) => drawn(shape, film.classes)));
    return { first, stop, node };
  });
  const picture = make(SVG, "svg", {
    viewBox: `-.5 -.5 ${film.width} ${film.height}`,
    width: film.width * film.scale, role: "img", "aria-label": film.title,
  }, groups.map((group) => group.node));

  const play = button(ICONS.play, "play", () => toggle());
  const back = button(ICONS.back, "back one step", () => step(-1));
  const on = button(ICONS.on, "on one step", () => step(1));
  const shade = button(ICONS.shade, "light or dark", () =>
    paint(element.dataset.theme === "dark" ? "light" : "dark"));
  const slider = html("input", { type: "range", min: 0, max: last, value: 0, "aria-label": "frame" });
  const count = html("output");
  const speed = html("select", { "aria-label": "speed" }, SPEEDS.map((times) =>
    html("option", { value: times, ...(times === 1 && { selected: "" }) }, [`${times}×`])));
  const caption = html("p", { "aria-live": "polite" });
  const controls = html("div", { class: "controls" }, [back, play, on, slider, count, speed, shade]);

  let frame = 0;
  let timer = null;

  function show(number) {
    frame = (number + last + 1) % (last + 1);
    for (const { first, stop, node } of groups) {
      node.style.display = first <= frame && frame < stop ? "" : "none";
    }
    slider.value = frame;
    count.textContent = `${frame + 1} / ${last + 1}`;
    caption.textContent = film.captions[frame];
  }

  function toggle(playing = timer === null) {
    clearInterval(timer);
    timer = playing ? setInterval(() => show(frame + 1), (film.seconds * 1000) / speed.value) : null;
    play.title = playing ? "pause" : "play";
    play.querySelector("path").setAttribute("d", ICONS[play.title]);
    play.setAttribute("aria-label", play.title);
    caption.setAttribute("aria-live", playing ? "off" : "polite");
  }

  function step(by) {
    toggle(false);
    show(frame + by);
  }

  function paint(theme) {
    element.dataset.theme = theme;
  }

  const keys = {
    " ": () => toggle(), ArrowLeft: () => step(-1), ArrowRight: () => step(1),
    Home: () => step(-frame), End: () => step(last - frame),
  };
  element.addEventListener("keydown", (event) => {
    const busy = event.target === speed || (event.key === " " && event.target.tagName === "BUTTON");
    if (busy || !(event.key in keys) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  slider.addEventListener("input", () => step(slider.valueAsNumber - frame));
  speed.addEventListener("change", () => toggle(timer !== null));

  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => film.theme ?? paint(dark.matches ? "dark" : "light"));
  paint(film.theme ?? (dark.matches ? "dark" : "light"));

  element.classList.add("convpool");
  element.tabIndex = 0;
  element.append(picture, ...(last ? [controls] : []), caption);
  show(0);
  return { show, toggle };
}

function drawn(shape, classes) {
  const [kind, ...rest] = shape;
  if (rest.length < 3) {
    const [d, length] = rest;
    return make(SVG, "path", { class: classes[kind], d, ...(length && { pathLength: length }) });
  }
  const [x, y, size, letters] = rest;
  return make(SVG, "text", { class: classes[kind], x, y, "font-size": size }, [letters]);
}

function button(d, title, act) {
  const icon = make(SVG, "svg", { viewBox: "0 0 16 16", "aria-hidden": true }, [make(SVG, "path", { d })]);
  const made = html("button", { type: "button", title, "aria-label": title }, [icon]);
  made.addEventListener("click", act);
  return made;
}

function html(tag, attributes, children) {
  return make("http://www.w3.org/1999/xhtml", tag, attributes, children);
}

function make(space, tag, attributes = {}, children = []) {
  const made = document.createElementNS(space, tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}
