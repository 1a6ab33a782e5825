// The map can be dragged, made larger, and asked where a table is. Without this it is scrolled.
(() => {
  const map = document.getElementById("map");
  const frame = map && map.closest(".frame");
  if (!frame) return;
  const tools = document.getElementById("map-tools");
  const size = map.viewBox.baseVal;
  let scale = 1;
  const zoom = (wanted, x = frame.clientWidth / 2, y = frame.clientHeight / 2) => {
    const before = scale;
    scale = Math.min(4, Math.max(0.05, wanted));
    const left = (frame.scrollLeft + x) * scale / before - x;
    const top = (frame.scrollTop + y) * scale / before - y;
    map.setAttribute("width", size.width * scale);
    map.setAttribute("height", size.height * scale);
    frame.scrollTo(left, top);
  };
  const nodes = [...map.querySelectorAll(".node")];
  const lines = [...map.querySelectorAll(".line[data-from]")];
  const choose = (name) => {
    map.classList.toggle("chosen", Boolean(name));
    const near = new Set([name]);
    lines.forEach((line) => {
      const on = line.dataset.from === name || line.dataset.to === name;
      line.classList.toggle("near", on);
      if (on) near.add(line.dataset.from).add(line.dataset.to);
    });
    nodes.forEach((node) => {
      node.classList.toggle("near", near.has(node.dataset.name));
      node.classList.toggle("found", node.dataset.name === name);
    });
  };
  nodes.forEach((node) => {
    node.addEventListener("mouseenter", () => choose(node.dataset.name));
    node.addEventListener("mouseleave", () => choose(""));
  });
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const by = event.target.dataset.zoom;
    if (by === "fit") zoom(Math.min(frame.clientWidth / size.width, 1));
    else if (by) zoom(scale * Number(by));
  });
  tools.querySelector("input").addEventListener("input", (event) => {
    const asked = event.target.value.trim().toLowerCase();
    const names = nodes.filter((node) => node.dataset.name.toLowerCase().includes(asked));
    const found = asked && (names.find((n) => n.dataset.name.toLowerCase() === asked) || names[0]);
    choose(found ? found.dataset.name : "");
    if (!found) return;
    const box = found.querySelector("rect").getBBox();
    frame.scrollTo(
      (box.x + box.width / 2) * scale - frame.clientWidth / 2,
      (box.y + box.height / 2) * scale - frame.clientHeight / 2,
    );
  });
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const at = frame.getBoundingClientRect();
    zoom(scale * (event.deltaY < 0 ? 1.15 : 1 / 1.15), event.clientX - at.left, event.clientY - at.top);
  }, { passive: false });
  let held = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType !== "mouse" || event.target.closest("a")) return;
    held = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
    frame.classList.add("held");
  });
  addEventListener("pointermove", (event) => {
    if (held) frame.scrollTo(held.x - event.clientX, held.y - event.clientY);
  });
  addEventListener("pointerup", () => {
    held = null;
    frame.classList.remove("held");
  });
})();
