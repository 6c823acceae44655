// Checks the page for people who do not see it or do not use a mouse, and returns a list of findings.
// Run by AccessibilityTests in the page; the page itself never loads it.

const findings = [];
const say = (what, element) => findings.push(`${what}: ${describe(element)}`);

function describe(element) {
  const text = (element.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 50);
  const owner = element.closest('[data-policy], .panel, header, form');
  return `<${element.localName}${element.id ? '#' + element.id : ''} class="${element.getAttribute('class') ?? ''}"> ${text}${owner && owner !== element ? ` in ${owner.className || owner.localName}` : ''}`;
}

const isShown = (element) => {
  if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
};

// The accessible name, as far as this page uses the ways to give one.
function nameOf(element) {
  const labelled = element.getAttribute('aria-labelledby');
  if (labelled) return labelled.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
  const own = element.getAttribute('aria-label');
  if (own !== null) return own.trim();
  if (element.labels?.length) return [...element.labels].map((label) => label.textContent).join(' ').trim();
  if (['INPUT', 'SELECT', 'TEXTAREA'].includes(element.tagName)) return (element.title ?? '').trim();
  return (element.textContent || element.getAttribute('alt') || element.title || '').trim();
}

// 1. Every control has a name, and a label that is seen where it is a field.
const controls = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [role=button], [tabindex]')];
for (const control of controls) {
  if (control.closest('[aria-hidden=true]')) {
    if (control.tabIndex >= 0 && isShown(control)) say('focusable but hidden from readers', control);
    continue;
  }
  if (!isShown(control)) continue;
  if (control.id === 'main') continue;
  if (!nameOf(control)) say('no name', control);
  if (control.tabIndex > 0) say('tabindex above zero', control);
  if (control.localName === 'a' && control.getAttribute('role') === 'button') say('a link that acts as a button', control);
}

// 2. Roles that the standard knows; ids that are unique; references that exist.
const ROLES = new Set(['alert', 'group', 'button', 'tooltip', 'region', 'list', 'listitem', 'status', 'log', 'grid', 'img', 'progressbar', 'presentation', 'radiogroup', 'radio', 'dialog']);
for (const element of document.querySelectorAll('[role]')) if (!ROLES.has(element.getAttribute('role'))) say(`unknown role ${element.getAttribute('role')}`, element);
const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) findings.push(`id used twice: ${id}`);
for (const attribute of ['aria-describedby', 'aria-labelledby', 'aria-controls', 'for']) {
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    for (const id of element.getAttribute(attribute).split(' ')) if (!document.getElementById(id)) say(`${attribute} names no element (${id})`, element);
  }
}

// An item of a list is in a list, and a list is one: another role on it takes its items away.
for (const item of document.querySelectorAll('li')) {
  const list = item.parentElement;
  if (!['UL', 'OL'].includes(list.tagName) || (list.getAttribute('role') ?? 'list') !== 'list') say('an item outside a list', item);
}

// 3. Landmarks, a language, a title, one h1, no heading level left out.
if (!document.documentElement.lang) findings.push('no language');
if (!document.title) findings.push('no title');
for (const landmark of ['header', 'nav', 'main']) if (!document.querySelector(landmark)) findings.push(`no ${landmark}`);
const headings = [...document.querySelectorAll('h1, h2, h3, h4')].filter(isShown);
if (headings.filter((heading) => heading.localName === 'h1').length !== 1) findings.push('not exactly one h1');
for (const table of document.querySelectorAll('table')) {
  if (isShown(table) && !table.caption) say('a table without a caption', table);
  if (!table.querySelector('th[scope]')) say('a table without header cells', table);
}
for (const image of document.querySelectorAll('svg')) {
  if (isShown(image) && image.getAttribute('aria-hidden') !== 'true' && !nameOf(image)) say('a picture without a name', image);
}

// 4. Contrast of every piece of text against what is painted behind it.
const parse = (color) => {
  const parts = color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
  return { r: parts[0], g: parts[1], b: parts[2], a: parts[3] ?? 1 };
};
const over = (top, under) => ({ r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1 });
const luminance = ({ r, g, b }) => {
  const [x, y, z] = [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};

function groundOf(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    if (at instanceof SVGElement && at.classList.contains('item')) {
      const bar = at.querySelector('.bar');
      if (bar) layers.push(parse(getComputedStyle(bar).fill));
    }
    layers.push(parse(getComputedStyle(at).backgroundColor));
  }
  return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
}

let measured = 0;
let least = 99;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(element.tagName) || !isShown(element)) continue;
  if (element.closest('.unseen, .skip')) continue;
  const style = getComputedStyle(element);
  const ink = parse(element instanceof SVGElement ? style.fill : style.color);
  // Text fades with whatever it stands in.
  for (let at = element; at; at = at.parentElement) ink.a *= Number(getComputedStyle(at).opacity);
  const ground = groundOf(element);
  const [light, dark] = [luminance(over(ink, ground)), luminance(ground)].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  measured += 1;
  least = Math.min(least, ratio);
  if (ratio < 4.5) say(`contrast ${ratio.toFixed(2)}`, element);
}
if (measured < 20) findings.push(`only ${measured} texts were measured`);

return { findings: [...new Set(findings)], measured, least: Math.round(least * 100) / 100 };
