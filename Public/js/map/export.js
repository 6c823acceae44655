// The detailed picture as a file: its shapes are read once, with the colours that they have on the screen, and
// written as SVG text or painted on a canvas. (The policy of the page lets no image be loaded from such a text.)

import { h } from '../dom.js';

const MARGIN = 12;
const TITLE = 30;
/** Pixels of a PNG for one of the screen. */
const PNG_SCALE = 2;

const number = (element, name) => Number(element.getAttribute(name) ?? 0);
const rounded = (value) => Math.round(value * 100) / 100;

/** Translations of an element and those around it. */
function offsetOf(element, root) {
  let [x, y] = [0, 0];
  for (let at = element; at !== root; at = at.parentElement) {
    const parts = /translate\(([-\d.]+)[ ,]([-\d.]+)\)/.exec(at.getAttribute('transform') ?? '');
    if (parts) [x, y] = [x + Number(parts[1]), y + Number(parts[2])];
  }
  return [x, y];
}

/** Rectangles, lines, texts and flags of the picture, in the order in which they are painted. */
function shapesOf(svg) {
  const shapes = [];
  for (const element of svg.querySelectorAll('rect, line, text, path')) {
    if (element.closest('defs') || element.classList.contains('hatch')) continue;
    const style = getComputedStyle(element);
    const [dx, dy] = offsetOf(element, svg);
    const paint = { fill: style.fill, fillOpacity: Number(style.fillOpacity), stroke: style.stroke, strokeWidth: parseFloat(style.strokeWidth) || 0 };
    const kind = element.localName;
    if (kind === 'rect') shapes.push({ kind, ...paint, x: dx + number(element, 'x'), y: dy + number(element, 'y'), width: number(element, 'width'), height: number(element, 'height'), rx: number(element, 'rx') });
    else if (kind === 'line') shapes.push({ kind, ...paint, x1: number(element, 'x1'), y1: number(element, 'y1'), x2: number(element, 'x2'), y2: number(element, 'y2') });
    else if (kind === 'text') shapes.push({ kind, ...paint, x: dx + number(element, 'x'), y: dy + number(element, 'y'), text: element.textContent, size: parseFloat(style.fontSize), family: style.fontFamily, anchor: element.getAttribute('text-anchor') ?? 'start' });
    else shapes.push({ kind, ...paint, x: dx, y: dy, d: element.getAttribute('d') });
  }
  return shapes;
}

const escaped = (text) => String(text).replace(/[&<>"]/g, (letter) => `&#${letter.codePointAt(0)};`);
const attributes = (members) => Object.entries(members).map(([name, value]) => ` ${name}="${escaped(typeof value === 'number' ? rounded(value) : value)}"`).join('');

function svgShape(shape) {
  const paint = { fill: shape.fill, 'fill-opacity': shape.fillOpacity, stroke: shape.stroke, 'stroke-width': shape.strokeWidth };
  switch (shape.kind) {
    case 'rect': return `<rect${attributes({ x: shape.x, y: shape.y, width: shape.width, height: shape.height, rx: shape.rx, ...paint })}/>`;
    case 'line': return `<line${attributes({ x1: shape.x1, y1: shape.y1, x2: shape.x2, y2: shape.y2, ...paint })}/>`;
    case 'path': return `<path${attributes({ transform: `translate(${rounded(shape.x)} ${rounded(shape.y)})`, d: shape.d, ...paint })}/>`;
    default: return `<text${attributes({ x: shape.x, y: shape.y, fill: shape.fill, 'font-size': shape.size, 'font-family': shape.family, 'text-anchor': shape.anchor })}>${escaped(shape.text)}</text>`;
  }
}

const ANCHORS = { start: 'left', middle: 'center', end: 'right' };

function paintShape(context, shape) {
  context.fillStyle = shape.fill;
  context.strokeStyle = shape.stroke;
  context.lineWidth = shape.strokeWidth;
  if (shape.kind === 'text') {
    context.font = `${shape.size}px ${shape.family}`;
    context.textAlign = ANCHORS[shape.anchor];
    context.fillText(shape.text, shape.x, shape.y);
    return;
  }
  const path = new Path2D();
  if (shape.kind === 'rect') path.roundRect(shape.x, shape.y, shape.width, shape.height, shape.rx);
  else if (shape.kind === 'path') path.addPath(new Path2D(shape.d), new DOMMatrix().translate(shape.x, shape.y));
  else {
    path.moveTo(shape.x1, shape.y1);
    path.lineTo(shape.x2, shape.y2);
  }
  context.globalAlpha = shape.fillOpacity;
  if (shape.kind !== 'line' && shape.fill !== 'none') context.fill(path);
  context.globalAlpha = 1;
  if (shape.stroke !== 'none' && shape.strokeWidth) context.stroke(path);
}

/** Everything that a file needs of the picture. */
function pictureOf(map) {
  const root = getComputedStyle(document.documentElement);
  const panel = getComputedStyle(map.element.closest('.panel') ?? map.element);
  return {
    title: `${map.name()}  ${map.where.textContent}`, shapes: shapesOf(map.svg), width: number(map.svg, 'width') + 2 * MARGIN, height: number(map.svg, 'height') + 2 * MARGIN + TITLE,
    ground: panel.backgroundColor, ink: root.color, family: root.fontFamily,
  };
}

const titleShape = ({ title, ink, family }) =>
  ({ kind: 'text', x: 0, y: -TITLE / 2 + 2, text: title, fill: ink, size: 13, family, anchor: 'start' });

/** The picture as the text of an SVG file. */
export function svgText(map) {
  const picture = pictureOf(map);
  const { width, height, ground, title, shapes } = picture;
  return `<svg xmlns="http://www.w3.org/2000/svg"${attributes({ width, height, viewBox: `${-MARGIN} ${-MARGIN - TITLE} ${width} ${height}` })}><title>${escaped(title)}</title>`
    + `<rect${attributes({ x: -MARGIN, y: -MARGIN - TITLE, width, height, fill: ground })}/>${[titleShape(picture), ...shapes].map(svgShape).join('')}</svg>\n`;
}

/** The picture as the bytes of a PNG file. */
export function pngBlob(map) {
  const picture = pictureOf(map);
  const canvas = h('canvas', { width: Math.round(picture.width * PNG_SCALE), height: Math.round(picture.height * PNG_SCALE) });
  const context = canvas.getContext('2d');
  context.scale(PNG_SCALE, PNG_SCALE);
  context.fillStyle = picture.ground;
  context.fillRect(0, 0, picture.width, picture.height);
  context.translate(MARGIN, MARGIN + TITLE);
  for (const shape of [titleShape(picture), ...picture.shapes]) paintShape(context, shape);
  return new Promise((resolve) => { canvas.toBlob(resolve, 'image/png'); });
}

/** Lets the browser save the picture, named after what it shows. */
export async function savePicture(map, format) {
  const blob = format === 'svg' ? new Blob([svgText(map)], { type: 'image/svg+xml' }) : await pngBlob(map);
  const address = URL.createObjectURL(blob);
  const name = map.name().replace(/[^A-Za-z0-9._@-]+/g, '-').replace(/^-+|-+$/g, '') || 'address-space';
  h('a', { href: address, download: `${name}.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
