// The whole aperture in one strip, each power of two as wide as the next, with the detailed picture's place in
// it. Pointer only: the detailed picture has the same by keyboard.

import { s } from '../dom.js';
import { kindClass } from '../kinds.js';
import { DoublingScale } from './scale.js';

const ROW = 5;
const TOP = 4;

export class Overview {
  constructor(map) {
    this.map = map;
    const { strip } = map;
    strip.addEventListener('pointerdown', (event) => {
      strip.setPointerCapture(event.pointerId);
      this.held = true;
      this.centre(event);
    });
    strip.addEventListener('pointermove', (event) => this.held && this.centre(event));
    for (const name of ['pointerup', 'pointercancel']) strip.addEventListener(name, () => (this.held = false));
  }

  centre(event) {
    const { map } = this;
    const at = this.scale.address(event.clientX - map.strip.getBoundingClientRect().left);
    const span = map.view.hi - map.view.lo + 1n;
    // A picture of four gibibytes hides what is below them: near the bottom it narrows with the pointer.
    const next = span > at * 4n && at > 1n << 24n ? at * 2n : span;
    map.jump(at - next / 2n, at - next / 2n + next - 1n);
  }

  draw() {
    const { map } = this;
    const width = map.stage.clientWidth;
    const left = width < 620 ? 6 : 128;
    const scale = (this.scale = new DoublingScale(map.last, left, width - left - 8));
    const height = TOP + map.lanes.length * (ROW + 2);
    const parts = [s('rect', { x: left, y: 0, width: width - left - 8, height: height + 2, rx: 3, class: 'lane' })];
    // One path for each kind of a lane, however many items it has.
    map.lanes.forEach((lane, index) => {
      const paths = new Map();
      for (const item of lane.items) {
        const x = scale.x(item.start);
        const bar = `M${x.toFixed(1)} ${TOP + index * (ROW + 2)}h${Math.max(2, scale.x(item.last) - x).toFixed(1)}v${ROW}h-${Math.max(2, scale.x(item.last) - x).toFixed(1)}z`;
        paths.set(item.kind, (paths.get(item.kind) ?? '') + bar);
      }
      for (const [kind, d] of paths) parts.push(s('path', { d, class: `bar ${kindClass(kind)}` }));
    });
    for (const { at, text } of scale.ticks(58)) {
      const x = scale.x(at);
      parts.push(s('line', { x1: x, x2: x, y1: 0, y2: height + 5, class: 'tick' }), s('text', { x: Math.min(x, width - 30), y: height + 16, class: 'tick-size', 'text-anchor': 'middle' }, text));
    }
    const from = scale.x(map.view.lo);
    parts.push(s('rect', { x: from, y: 0.5, width: Math.max(6, scale.x(map.view.hi) - from), height: height + 1, rx: 3, class: 'brush' }));
    if (left > 100) parts.push(s('text', { x: left - 10, y: height / 2 + 4, class: 'lane-name', 'text-anchor': 'end' }, 'Everything'));
    map.strip.setAttribute('width', width);
    map.strip.setAttribute('height', height + 20);
    map.strip.replaceChildren(...parts);
  }
}
