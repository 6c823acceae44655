// A guest over the map: the memory map of a chosen VMM at a chosen size, so that RAM and window can be compared.

import { ask, offers, segment } from '../api.js';
import { field, h, replace, select } from '../dom.js';
import { hex, sizeName, span } from '../hex.js';

/** Sizes that a slider steps through: 512 MiB to 4 TiB, doubling with one step between. */
export const RAM_STEPS = Array.from({ length: 27 }, (_, index) =>
  index % 2 ? (3n << 28n) << BigInt((index - 1) / 2) : (1n << 29n) << BigInt(index / 2));

export const ramIndex = (ram) => {
  const at = RAM_STEPS.findIndex((step) => step >= ram);
  return at < 0 ? RAM_STEPS.length - 1 : at;
};

/** A slider over RAM_STEPS; `onInput(ram)` while it moves. */
export function ramSlider(ram, onInput) {
  const shown = h('output', { class: 'ram' }, sizeName(ram));
  const slider = h('input', { type: 'range', min: 0, max: RAM_STEPS.length - 1, step: 1, value: ramIndex(ram), 'aria-valuetext': sizeName(ram), oninput: () => {
    const next = RAM_STEPS[Number(slider.value)];
    shown.textContent = sizeName(next);
    slider.setAttribute('aria-valuetext', sizeName(next));
    onInput(next);
  } });
  return { slider, shown };
}

/** The kind of a range in a VMM's map, in this page's words. */
export function guestKind({ kind, dma_mapped: isMapped, dma_conditional: isConditional }) {
  if (kind === 'ram') return isConditional ? 'hotplug' : 'ram';
  if (String(kind).startsWith('pcie_mmio')) return 'bar_window';
  return isMapped || isConditional ? 'occupied' : 'emulated';
}

/** The ranges of a VMM's memory map as items of a lane. */
export const guestItems = (ranges) => ranges.map((range, index) => ({
  id: `g${index}`, kind: guestKind(range), ...span(range), title: range.name, note: range.rule || null, seen: 'the VMM’s memory map',
}));

/** Every VMM that the server knows; null when it has no catalogue of them. */
export async function vmms(signal) {
  return (await offers('GET /v1/vmms')) ? (await ask('GET', '/v1/vmms', { signal })).items : null;
}

export class GuestOverlay {
  constructor(onChange) {
    this.onChange = onChange;
    this.ranges = [];
    this.element = h('form', { class: 'guest', 'aria-label': 'Guest on the map', hidden: true, onsubmit: (event) => event.preventDefault() });
  }

  async load(state, signal) {
    if (this.catalogue === undefined) {
      this.catalogue = await vmms(signal);
      if (!this.catalogue) return;
      this.element.hidden = false;
      const { slider, shown } = ramSlider(BigInt(state.ram || '0x100000000'), (ram) => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.onChange({ ram: hex(ram) }), 60);
      });
      const choice = select([['', 'no guest'], ...this.catalogue.map((vmm) => [vmm.id, vmm.name])], state.vmm ?? '', (vmm) => this.onChange({ vmm: vmm || null }));
      this.ram = h('div', { class: 'ram-field', hidden: !state.vmm }, field('Guest RAM', slider), shown);
      replace(this.element, field('Guest of', choice), this.ram);
    }
    if (!this.catalogue) return;
    this.ram.hidden = !state.vmm;
    this.ranges = [];
    if (!state.vmm) return;
    const answer = await ask('GET', `/v1/vmms/${segment(state.vmm)}`, { query: { ram: state.ram || '0x100000000' }, signal });
    this.ranges = answer.occupied ?? [];
    this.name = state.vmm;
  }

  lanes() {
    if (!this.ranges.length) return [];
    return [{ id: 'guest', label: `Guest, ${this.name}`, items: guestItems(this.ranges) }];
  }
}
