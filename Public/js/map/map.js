// The address map: a detailed linear picture with zoom and pan, an overview of the whole aperture, an inspector
// that spells out the chosen item, a legend. It shows what it is given and knows nothing of where it came from.
//
// An item is {id, kind, start, last, label, note, facts: [[name, text]], mark, tone}; a lane {id, label, items}.

import { announce, h, hexText, icon, replace, s } from '../dom.js';
import { GIB4, hex, overlaps, rangeName, sizeName, sizeOf } from '../hex.js';
import { isBackground, kindClass, kindName, kindSentence } from '../kinds.js';
import { facts } from '../parts.js';
import { Detail } from './detail.js';
import { Gestures } from './gestures.js';
import { Overview } from './overview.js';

const SPAN_LEAST = 1n << 16n;

export class AddressMap {
  /** `onView(lo, hi)` is called when the picture stops moving; `name()` is what an exported picture is called. */
  constructor({ label, onView, name }) {
    this.onView = onView;
    this.name = name ?? (() => label);
    this.last = (1n << 48n) - 1n;
    this.lanes = [];
    this.view = { lo: 0n, hi: GIB4 - 1n };
    this.marks = [];
    this.build(label);
    this.detail = new Detail(this);
    this.overview = new Overview(this);
    new Gestures(this);
    // Drawing changes the height, never the width: only a new width asks for another drawing, a frame later.
    new ResizeObserver(() => requestAnimationFrame(() => {
      if (this.stage.clientWidth !== this.drawnWidth) this.draw();
    })).observe(this.stage);
  }

  build(label) {
    const button = (name, content, action) =>
      h('button', { type: 'button', class: 'tool', 'aria-label': name, title: name, onclick: action }, content);
    this.where = h('output', { class: 'where', 'aria-label': 'Addresses in the picture' });
    this.svg = s('svg', { class: 'detail', role: 'group', 'aria-label': `${label}. Arrow keys left and right move from item to item, plus and minus zoom, shift with an arrow moves the picture, 0 shows four gibibytes, A everything, C the content, S the selection.` });
    this.strip = s('svg', { class: 'overview', 'aria-hidden': 'true' });
    this.tip = h('div', { class: 'tip', role: 'tooltip', hidden: true });
    this.inspector = h('div', { class: 'inspector' });
    this.legend = h('ul', { class: 'legend', 'aria-label': 'Legend' });
    this.stage = h('div', { class: 'stage' }, this.svg, this.tip);
    this.element = h('div', { class: 'map' },
      h('div', { class: 'map-bar', role: 'group', 'aria-label': 'Zoom and move' },
        button('Move down', icon('left'), () => this.pan(-0.5)),
        button('Move up', icon('right'), () => this.pan(0.5)),
        button('Zoom out', icon('minus'), () => this.zoom(2)),
        button('Zoom in', icon('plus'), () => this.zoom(0.5)),
        button('Show 0 to 4 GiB', '0 – 4 GiB', () => this.show(0n, GIB4 - 1n)),
        button('Show the full aperture', 'Full aperture', () => this.show(0n, this.last)),
        button('Show the window', 'Window', () => this.showWindow()),
        button('Zoom to content', 'Content', () => this.showContent()),
        button('Zoom to the selection', 'Selection', () => this.showSelection()),
        this.where,
        button('Save the picture as SVG', 'SVG', () => this.save('svg')),
        button('Save the picture as PNG', 'PNG', () => this.save('png'))),
      this.stage, this.strip, this.legend, this.inspector);
    this.inspect(null);
  }

  /** New content. `last` is the last address of the aperture. */
  setData({ last, lanes }) {
    this.last = last;
    this.lanes = lanes.map((lane) => ({ ...lane, ...stack(lane.items) }));
    this.items = new Map(this.lanes.flatMap((lane) => lane.items.map((item) => [item.id, item])));
    if (this.view.hi > last) this.view = { lo: 0n, hi: last < GIB4 ? last : GIB4 - 1n };
    this.detail.bundles.clear();
    if (this.chosen && !this.items.has(this.chosen)) this.inspect(null);
    else if (this.chosen) this.inspect(this.items.get(this.chosen));
    this.drawLegend();
    this.draw();
  }

  /** Bands over all lanes: [{start, last, tone}], the steps of an explanation. */
  highlight(marks) {
    this.marks = marks;
    this.draw();
    const band = marks.find((mark) => !overlaps(mark, { start: this.view.lo, last: this.view.hi }));
    if (band) this.reveal(band);
  }

  draw() {
    if (!this.stage.clientWidth || !this.detail) return;
    this.drawnWidth = this.stage.clientWidth;
    this.detail.draw();
    this.overview.draw();
    const { lo, hi } = this.view;
    replace(this.where, h('code', null, hex(lo)), ' – ', h('code', null, hex(hi)), h('span', { class: 'muted' }, ` ${sizeName(hi - lo + 1n)}`));
  }

  /** The nearest view that fits the aperture. */
  fit(lo, hi) {
    let span = hi - lo + 1n;
    if (span < SPAN_LEAST) span = SPAN_LEAST;
    if (span > this.last + 1n) span = this.last + 1n;
    let from = lo < 0n ? 0n : lo;
    if (from + span - 1n > this.last) from = this.last + 1n - span;
    return { lo: from, hi: from + span - 1n };
  }

  /** Moves the picture there at once. */
  jump(lo, hi) {
    this.motion = null;
    this.view = this.fit(lo, hi);
    this.draw();
    this.rest();
  }

  /** Moves the picture there, gliding where motion is welcome. */
  show(lo, hi) {
    const target = this.fit(lo, hi);
    const from = this.view;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches || document.hidden) return this.jump(lo, hi);
    const motion = (this.motion = {});
    const began = performance.now();
    const step = (now) => {
      if (this.motion !== motion) return;
      const t = Math.max(0, Math.min(1, (now - began) / 220));
      const part = BigInt(Math.round((1 - (1 - t) ** 3) * 4096));
      this.view = t < 1
        ? { lo: from.lo + ((target.lo - from.lo) * part) / 4096n, hi: from.hi + ((target.hi - from.hi) * part) / 4096n }
        : target;
      this.draw();
      if (t < 1) requestAnimationFrame(step);
      else this.rest();
    };
    requestAnimationFrame(step);
    return undefined;
  }

  rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.onView?.(this.view.lo, this.view.hi), 150);
  }

  zoom(factor, around) {
    const { lo, hi } = this.view;
    const span = hi - lo + 1n;
    const next = (span * BigInt(Math.round(factor * 1024))) / 1024n;
    const centre = around ?? lo + span / 2n;
    const from = centre - ((centre - lo) * next) / span;
    const move = around === undefined ? this.show : this.jump;
    move.call(this, from, from + (next > 1n ? next : 1n) - 1n);
  }

  pan(part) {
    const span = this.view.hi - this.view.lo + 1n;
    const by = (span * BigInt(Math.round(part * 1024))) / 1024n;
    this.show(this.view.lo + by, this.view.hi + by);
  }

  /** Brings a range into the picture with room around it. */
  reveal(range) {
    const room = sizeOf(range) * 2n;
    const least = GIB4 / 64n;
    const around = room > least ? room : least;
    if (range.last < GIB4 && this.view.hi >= GIB4) this.show(0n, GIB4 - 1n);
    else if (!overlaps(range, { start: this.view.lo, last: this.view.hi })) this.show(range.start - around, range.last + around);
  }

  showWindow() {
    const marked = [...(this.items?.values() ?? [])].filter((item) => item.mark);
    const window = marked.find((item) => item.kind !== 'doorbell') ?? marked[0];
    if (!window) return announce('No window is chosen.');
    const room = sizeOf(window) * 8n;
    this.show(window.start - room, window.last + room);
    return this.inspect(window);
  }

  /** Everything that somebody placed or withheld; gaps and room, which fill what is left, do not count. */
  showContent() {
    const content = [...(this.items?.values() ?? [])].filter((item) => !isBackground(item.kind) && item.start <= this.last);
    if (!content.length) return announce('The map is empty.');
    const lo = content.reduce((least, { start }) => (start < least ? start : least), content[0].start);
    const hi = content.reduce((most, { last }) => (last > most ? last : most), 0n);
    const margin = (hi - lo + 1n) / 20n;
    return this.show(lo - margin, (hi > this.last ? this.last : hi) + margin);
  }

  showSelection() {
    const item = this.items?.get(this.chosen) ?? this.detail.bundles.get(this.chosen);
    if (!item) return announce('Choose an item of the map first.');
    return this.zoomTo(item);
  }

  /** The item with as much around it as it is wide. */
  zoomTo(item) {
    const margin = (sizeOf(item) * 3n) / 2n;
    this.show(item.start - margin, item.last + margin);
  }

  async save(format) {
    const { savePicture } = await import('./export.js');
    await savePicture(this, format);
    announce(`The picture was saved as ${format.toUpperCase()}.`);
  }

  /** Spells an item out below the map; null says how to choose one. */
  inspect(item) {
    this.chosen = item?.id ?? null;
    if (!item) {
      replace(this.inspector, h('p', { class: 'muted' }, 'Point at the map, or move through it with the arrow keys: each item says what it is and where it is from.'));
      return;
    }
    replace(this.inspector,
      h('h3', null, h('span', { class: `swatch ${kindClass(item.kind)}` }), item.title ?? kindName(item.kind)),
      h('p', { class: 'range' }, hexText(hex(item.start)), h('span', { class: 'dash' }, '–'), hexText(hex(item.last)), h('span', { class: 'muted' }, sizeName(sizeOf(item)))),
      item.note ? h('p', null, item.note) : null,
      h('p', { class: 'muted' }, kindSentence(item.kind)),
      facts(...(item.facts ?? [])),
      item.action ? h('p', null, h('button', { type: 'button', class: 'button small', onclick: item.action.run }, item.action.label)) : null);
    this.detail?.choose();
  }

  showTip(item, box) {
    replace(this.tip, h('strong', null, item.title ?? kindName(item.kind)), h('code', null, rangeName(item)), h('span', null, sizeName(sizeOf(item))), item.note ? h('span', { class: 'tip-note' }, item.note) : null);
    this.tip.hidden = false;
    const width = this.stage.clientWidth;
    const left = Math.max(4, Math.min(width - this.tip.offsetWidth - 4, box.x + box.width / 2 - this.tip.offsetWidth / 2));
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${box.y + box.height + 8}px`;
  }

  hideTip() {
    this.tip.hidden = true;
  }

  drawLegend() {
    const kinds = [...new Set(this.lanes.flatMap((lane) => lane.items.map((item) => item.kind)))];
    replace(this.legend, kinds.map((kind) => h('li', { title: kindSentence(kind) }, h('span', { class: `swatch ${kindClass(kind)}` }), kindName(kind))));
  }
}

/** Gives each item of a lane the first row where it overlaps nothing; at most four rows. */
function stack(items) {
  const ends = [];
  const sorted = [...items].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.last > b.last ? -1 : 1));
  for (const item of sorted) {
    let row = ends.findIndex((end) => end < item.start);
    if (row < 0) row = Math.min(ends.length, 3);
    ends[row] = item.last > (ends[row] ?? -1n) ? item.last : ends[row];
    item.row = row;
  }
  return { items: sorted, rows: Math.max(1, ends.length) };
}
