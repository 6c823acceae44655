// The detailed picture: axis, lanes, items. Elements are kept by item, so that focus and hover survive a redraw.

import { s } from '../dom.js';
import { hex, overlaps, rangeName, sizeName, sizeOf } from '../hex.js';
import { kindClass, kindName } from '../kinds.js';
import { LinearScale } from './scale.js';

const ROW = 24;
const GAP = 3;
const AXIS = 36;
const LANE_PAD = 7;
/** Items of a row that are thinner than this, and closer to each other, are drawn as one bundle. */
const THIN = 4;
/** A lane with fewer items has no bundles: few rows of thin bars are still told apart by the keyboard. */
const BUNDLED_FROM = 60;

export class Detail {
  constructor(map) {
    this.map = map;
    this.nodes = new Map();
    this.bundles = new Map();
    this.back = s('g', { class: 'back', 'aria-hidden': 'true' });
    this.body = s('g', { class: 'items' });
    this.front = s('g', { class: 'front', 'aria-hidden': 'true' });
    const id = `hatch-${Math.random().toString(36).slice(2, 8)}`;
    this.hatch = `url(#${id})`;
    map.svg.append(
      s('defs', null, s('pattern', { id, width: 7, height: 7, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        s('line', { x1: 0, y1: 0, x2: 0, y2: 7, class: 'hatch-line' }))),
      this.back, this.body, this.front);
  }

  draw() {
    const { map } = this;
    const width = map.stage.clientWidth;
    this.narrow = width < 620;
    const left = this.narrow ? 6 : 128;
    this.scale = new LinearScale(map.view.lo, map.view.hi, left, width - left - 8);
    let y = AXIS;
    this.back.replaceChildren();
    for (const lane of map.lanes) {
      if (this.narrow) y += 15;
      lane.y = y + LANE_PAD;
      const height = lane.rows * (ROW + GAP) - GAP + 2 * LANE_PAD;
      this.back.append(
        s('rect', { x: left, y, width: width - left - 8, height, class: 'lane' }),
        s('text', this.narrow ? { x: left, y: y - 4, class: 'lane-name' } : { x: left - 10, y: y + height / 2 + 4, class: 'lane-name', 'text-anchor': 'end' }, this.narrow || lane.label.length < 18 ? lane.label : `${lane.label.slice(0, 17)}…`));
      y += height + 4;
    }
    this.height = y;
    map.svg.setAttribute('width', width);
    map.svg.setAttribute('height', y + 2);
    map.svg.setAttribute('viewBox', `0 0 ${width} ${y + 2}`);
    this.drawAxis(left, width);
    this.drawItems();
    this.drawMarks();
  }

  drawAxis(left, width) {
    const digits = hex(this.map.view.hi).length;
    let textEnd = -Infinity;
    for (const { at, text, size } of this.scale.ticks(Math.max(90, digits * 7 + 24))) {
      const x = this.scale.x(at);
      this.back.append(s('line', { x1: x, x2: x, y1: AXIS - 6, y2: this.height, class: 'tick' }));
      const half = (text.length * 6.7) / 2;
      const middle = Math.min(width - 8 - half, Math.max(left + half, x));
      if (middle - half < textEnd + 6) continue;
      textEnd = middle + half;
      this.back.append(
        s('text', { x: middle, y: 12, class: 'tick-hex', 'text-anchor': 'middle' }, text),
        s('text', { x: middle, y: 26, class: 'tick-size', 'text-anchor': 'middle' }, size));
    }
  }

  drawItems() {
    const { map } = this;
    this.order = [];
    this.bundles.clear();
    const shown = new Set();
    for (const lane of map.lanes) {
      for (const { item, from, to } of this.drawn(lane)) {
        shown.add(item.id);
        this.order.push(item);
        this.place(item, from, Math.max(item.mark ? 5 : 2.5, to - from), lane.y + item.row * (ROW + GAP));
      }
    }
    this.order.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    for (const [id, node] of this.nodes) {
      if (shown.has(id)) continue;
      if (node.group === document.activeElement) this.nearest()?.group.focus({ preventScroll: true });
      node.group.remove();
      this.nodes.delete(id);
    }
    this.rove();
  }

  /** The items of a lane that are in the picture, with their pixels; of a crowd, thin neighbours are one item. */
  drawn(lane) {
    const { map, scale } = this;
    const view = { start: map.view.lo, last: map.view.hi };
    const places = [];
    const ends = new Map();
    const isCrowded = lane.items.length >= BUNDLED_FROM;
    for (const item of lane.items) {
      if (!overlaps(item, view)) continue;
      const from = Math.max(scale.left, scale.x(item.start));
      const to = Math.min(scale.left + scale.width, scale.x(item.last + 1n));
      const before = ends.get(item.row);
      if (isCrowded && before && to - from < THIN && from - before.to < THIN && before.isThin && !item.mark && item.id !== map.chosen) {
        before.item = this.bundle(before.item, item);
        before.to = Math.max(before.to, to);
        continue;
      }
      const place = { item, from, to, isThin: to - from < THIN && !item.mark && item.id !== map.chosen };
      ends.set(item.row, place);
      places.push(place);
    }
    return places;
  }

  /** An item that stands for what is too thin to be drawn by itself. */
  bundle(first, item) {
    const bundle = first.count ? first : { ...first, id: `bundle-${first.id}`, count: 1, title: null };
    bundle.count += 1;
    bundle.last = item.last > bundle.last ? item.last : bundle.last;
    if (item.kind !== bundle.kind) bundle.kind = 'reserved';
    bundle.title = `${bundle.count} ranges, close together`;
    bundle.note = 'Zoom in to tell them apart; the table has each of them.';
    bundle.facts = [];
    this.bundles.set(bundle.id, bundle);
    return bundle;
  }

  nearest() {
    return this.order.length ? this.nodes.get(this.order[0].id) : null;
  }

  place(item, x, width, y) {
    let node = this.nodes.get(item.id);
    if (!node || node.item.kind !== item.kind) {
      node?.group.remove();
      node = this.make(item);
      this.nodes.set(item.id, node);
    }
    node.item = item;
    node.group.setAttribute('aria-label', `${item.title ?? kindName(item.kind)}, ${hex(item.start)} to ${hex(item.last)}, ${sizeName(sizeOf(item))}${item.note ? `. ${item.note}` : ''}`);
    node.group.setAttribute('transform', `translate(${x.toFixed(2)} ${y})`);
    for (const rect of node.rects) rect.setAttribute('width', width.toFixed(2));
    node.box = { x, y, width, height: ROW };
    if (node.flag) node.flag.setAttribute('transform', `translate(${(width / 2).toFixed(2)} 0)`);
    this.captionNode(node, this.caption(item, width));
  }

  /** Most bars of a crowd have no room for a name: they have no element for one. */
  captionNode(node, text) {
    if (text && !node.text) node.group.append(node.text = s('text', { x: 7, y: 16, class: 'bar-name', 'aria-hidden': 'true' }));
    if (node.text) node.text.textContent = text;
  }

  /** As much of the name and the address as the bar has room for. */
  caption(item, width) {
    const name = item.label ?? item.title ?? kindName(item.kind);
    const full = `${name}  ${rangeName(item)}`;
    for (const text of [full, name]) if (text.length * 6.6 + 14 < width) return text;
    return '';
  }

  make(item) {
    const rects = [s('rect', { height: ROW, rx: 3, class: 'bar' })];
    if (item.count || ['dma_ranges_gap', 'above_dma_limit', 'outside_aperture', 'unmappable'].includes(item.kind)) rects.push(s('rect', { height: ROW, rx: 3, fill: this.hatch, class: 'hatch' }));
    const flag = item.mark ? s('path', { d: 'M-5 -7h10l-5 7z', class: 'flag' }) : null;
    const group = s('g', { class: `item ${kindClass(item.kind)}`, role: 'button', tabindex: '-1' }, rects, flag);
    group.dataset.id = item.id;
    this.body.append(group);
    return { group, rects, text: null, flag, item };
  }

  drawMarks() {
    this.front.replaceChildren(...this.map.marks.flatMap((mark) => {
      if (!overlaps(mark, { start: this.map.view.lo, last: this.map.view.hi })) return [];
      const x = Math.max(this.scale.left, this.scale.x(mark.start));
      const width = Math.max(4, Math.min(this.scale.left + this.scale.width, this.scale.x(mark.last + 1n)) - x);
      return [s('rect', { x, y: AXIS - 4, width, height: this.height - AXIS + 4, class: `band ${mark.tone}` })];
    }));
  }

  /** One item takes part in the tab order: the chosen one, else the first. */
  rove() {
    const stop = this.order.find((item) => item.id === this.map.chosen) ?? this.order[0];
    for (const [id, { group }] of this.nodes) {
      group.setAttribute('tabindex', id === stop?.id ? '0' : '-1');
      group.classList.toggle('chosen', id === this.map.chosen);
    }
  }

  choose() {
    if (this.order) this.rove();
  }

  /** Moves the focus by `by` items in address order. */
  step(by) {
    const at = this.order.findIndex((item) => this.nodes.get(item.id)?.group === document.activeElement);
    const next = this.order[Math.min(this.order.length - 1, Math.max(0, at + by))];
    if (next) this.nodes.get(next.id).group.focus({ preventScroll: true });
  }
}
