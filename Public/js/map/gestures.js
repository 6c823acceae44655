// Mouse, touch, pen and keyboard on the map. The wheel alone scrolls the page as everywhere; with Ctrl it zooms.

import { GIB4 } from '../hex.js';

export class Gestures {
  constructor(map) {
    this.map = map;
    this.pointers = new Map();
    const { svg } = map;
    svg.addEventListener('pointerdown', (event) => this.down(event));
    svg.addEventListener('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) svg.addEventListener(name, (event) => this.up(event));
    svg.addEventListener('pointerleave', () => map.hideTip());
    svg.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    svg.addEventListener('dblclick', (event) => map.zoom(0.25, map.detail.scale.address(this.x(event))));
    svg.addEventListener('keydown', (event) => this.key(event));
    svg.addEventListener('focusin', (event) => this.tell(event.target));
    svg.addEventListener('focusout', () => map.hideTip());
    svg.addEventListener('click', (event) => {
      const item = this.itemAt(event.target);
      if (item && !this.dragged) map.inspect(item);
    });
  }

  x(event) {
    return event.clientX - this.map.svg.getBoundingClientRect().left;
  }

  node(target) {
    const group = target.closest?.('.item');
    return group ? this.map.detail.nodes.get(group.dataset.id) : null;
  }

  itemAt(target) {
    return this.node(target)?.item;
  }

  tell(target) {
    const node = this.node(target);
    if (!node) return;
    this.map.showTip(node.item, node.box);
    if (target === document.activeElement) this.map.inspect(node.item);
  }

  down(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, this.x(event));
    this.began = { view: this.map.view, xs: [...this.pointers.values()], scale: this.map.detail.scale };
    this.dragged = false;
  }

  move(event) {
    if (!this.pointers.has(event.pointerId)) {
      const node = this.node(event.target);
      if (node) this.map.showTip(node.item, { ...node.box, x: this.x(event), width: 0 });
      else this.map.hideTip();
      return;
    }
    this.pointers.set(event.pointerId, this.x(event));
    const xs = [...this.pointers.values()];
    if (!this.dragged && Math.abs(xs[0] - this.began.xs[0]) < 4) return;
    if (!this.dragged) this.map.svg.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.map.hideTip();
    const { view, scale, xs: from } = this.began;
    const span = view.hi - view.lo + 1n;
    if (xs.length > 1 && from.length > 1) {
      const factor = Math.abs(from[0] - from[1]) / Math.max(8, Math.abs(xs[0] - xs[1]));
      const next = (span * BigInt(Math.round(factor * 4096))) / 4096n;
      const centre = scale.address((from[0] + from[1]) / 2);
      const lo = centre - ((centre - view.lo) * next) / span;
      this.map.jump(lo, lo + (next || 1n) - 1n);
    } else {
      const by = (span * BigInt(Math.round(((from[0] - xs[0]) / scale.width) * 2 ** 24))) >> 24n;
      this.map.jump(view.lo + by, view.hi + by);
    }
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size) this.began = { view: this.map.view, xs: [...this.pointers.values()], scale: this.map.detail.scale };
  }

  wheel(event) {
    const { map } = this;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      map.zoom(2 ** (Math.sign(event.deltaY) * Math.min(1, Math.abs(event.deltaY) / 120)), map.detail.scale.address(this.x(event)));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      const span = map.view.hi - map.view.lo + 1n;
      const by = (span * BigInt(Math.round(((event.deltaX || event.deltaY) / map.detail.scale.width) * 4096))) / 4096n;
      map.jump(map.view.lo + by, map.view.hi + by);
    }
  }

  key(event) {
    const { map } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const item = this.itemAt(event.target);
    const keys = {
      ArrowRight: () => (event.shiftKey ? map.pan(0.25) : map.detail.step(1)),
      ArrowLeft: () => (event.shiftKey ? map.pan(-0.25) : map.detail.step(-1)),
      PageDown: () => map.pan(0.9),
      PageUp: () => map.pan(-0.9),
      Home: () => map.detail.step(-Infinity),
      End: () => map.detail.step(Infinity),
      '+': () => map.zoom(0.5),
      '=': () => map.zoom(0.5),
      '-': () => map.zoom(2),
      0: () => map.show(0n, GIB4 - 1n),
      a: () => map.show(0n, map.last),
      Escape: () => map.hideTip(),
      Enter: () => {
        if (!item) return;
        map.inspect(item);
        map.zoomTo(item);
      },
      c: () => map.showContent(),
      s: () => map.showSelection(),
      ' ': () => item && map.inspect(item),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
