// Elements from data. Text only ever becomes a text node or an attribute value, so nothing that a device tree
// says can become markup; styles are classes or set through the CSSOM, as the content policy demands.

const SVG = 'http://www.w3.org/2000/svg';
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'open', 'selected', 'hidden', 'multiple', 'min', 'max', 'step']);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name) && !(element instanceof SVGElement)) element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(4).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element: h('p', {class: 'x', onclick: f}, 'text', child). */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** An SVG element. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

export const replace = (element, ...children) => element.replaceChildren(...children.flat(4).filter(Boolean));

/** Draws `element` again and leaves the focus on the control at the same place in it, for people who use the keyboard. */
export function keepFocus(element, draw) {
  const controls = () => [...element.querySelectorAll('a[href], button, input, select, summary, textarea')].filter((control) => !control.disabled);
  const at = controls().indexOf(document.activeElement);
  draw();
  if (at >= 0) (controls()[at] ?? controls().at(-1))?.focus({ preventScroll: true });
}

const ICONS = {
  copy: 'M5 5V2.5h8.5V11H11M2.5 5H11v8.5H2.5z',
  done: 'M2.5 8.5l3.5 3.5 7.5-8',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  left: 'M10 3L5 8l5 5',
  right: 'M6 3l5 5-5 5',
  play: 'M5 3l8 5-8 5z',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  drop: 'M8 2v8M4.5 6.5L8 10l3.5-3.5M2.5 13.5h11',
  close: 'M4 4l8 8M12 4l-8 8',
};

export const icon = (name) =>
  s('svg', { viewBox: '0 0 16 16', width: 16, height: 16, class: 'icon', 'aria-hidden': 'true' }, s('path', { d: ICONS[name] }));

/** Says a sentence to people who do not see the screen change. */
export function announce(sentence) {
  document.getElementById('announcer').textContent = sentence;
}

/** Takes back a sentence that no longer holds; one that was said since stays. */
export function unsay(sentence) {
  const box = document.getElementById('announcer');
  if (sentence && box.textContent === sentence) box.textContent = '';
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h('textarea', { class: 'unseen', value: text, 'aria-hidden': 'true' });
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  announce('Copied.');
}

/** A button that copies; shows a tick for a moment. */
export function copyButton(text, name, label) {
  const button = h('button', { type: 'button', class: label ? 'button small' : 'copy', 'aria-label': label ? null : `Copy ${name}` }, icon('copy'), label);
  button.addEventListener('click', async (event) => {
    event.stopPropagation();
    await copyText(typeof text === 'function' ? text() : text);
    button.firstChild.replaceWith(icon('done'));
    setTimeout(() => button.firstChild.replaceWith(icon('copy')), 1200);
  });
  return button;
}

/** An exact number that can be copied. */
export const hexText = (text) => h('span', { class: 'hex' }, h('code', null, text), copyButton(text, text));

let fieldCount = 0;

/** A labelled control; `control` gets the id that its label names. */
export function field(label, control, hint) {
  control.id ||= `f${(fieldCount += 1)}`;
  if (hint) control.setAttribute('aria-describedby', `${control.id}-hint`);
  return h('div', { class: 'field' },
    h('label', { for: control.id }, label), control,
    hint ? h('small', { id: `${control.id}-hint` }, hint) : null);
}

/** A select from [value, text] pairs. */
export function select(pairs, value, onchange) {
  return h('select', { onchange: (event) => onchange?.(event.target.value) },
    pairs.map(([key, text]) => h('option', { value: key, selected: key === value }, text)));
}

/** Runs once, `wait` milliseconds after the last call. */
export function debounce(wait, action) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
}
