// A guest over the map: the memory map of a chosen VMM at a chosen size, so that RAM and window can be compared.

import { ask, offers, segment } from '../api.js';
import { debounce, field, h, replace, select } from '../dom.js';
import { hex, overlaps, parseAmount, sizeName, span } from '../hex.js';

/** Sizes that a slider steps through: 512 MiB to 4 TiB, doubling with one step between. */
export const RAM_STEPS = Array.from({ length: 27 }, (_, index) =>
  index % 2 ? (3n << 28n) << BigInt((index - 1) / 2) : (1n << 29n) << BigInt(index / 2));

export const ramIndex = (ram) => {
  const at = RAM_STEPS.findIndex((step) => step >= ram);
  return at < 0 ? RAM_STEPS.length - 1 : at;
};

/** An amount as somebody types it: "4 GiB" too. */
const amountOf = (text) => parseAmount(text.replaceAll(' ', ''));

/** What is said of an amount that cannot be read. */
export const unreadable = (text) => `“${text}” is no amount; what is below is the answer without it.`;

/** The same of the first amount below `root` that cannot be read; null where all can. */
export function unread(root) {
  const field = root.querySelector('input[aria-invalid=true]');
  return field ? unreadable(field.value) : null;
}

/**
 * A slider over RAM_STEPS with a field for the exact size beside it; `onInput(ram)` while either changes,
 * `onUnreadable(sentence)` for what is no amount.
 */
export function ramField(label, ram, onInput, onUnreadable) {
  const exact = h('input', { type: 'text', class: 'ram', size: 9, spellcheck: 'false', autocomplete: 'off', 'aria-label': `${label}, exact`, value: sizeName(ram), onchange: () => {
    const next = amountOf(exact.value);
    exact.setAttribute('aria-invalid', String(!next));
    if (!next) return onUnreadable(unreadable(exact.value));
    slider.value = ramIndex(next);
    slider.setAttribute('aria-valuetext', sizeName(next));
    return onInput(next);
  } });
  const slider = h('input', { type: 'range', min: 0, max: RAM_STEPS.length - 1, step: 1, value: ramIndex(ram), 'aria-valuetext': sizeName(ram), oninput: () => {
    const next = RAM_STEPS[Number(slider.value)];
    exact.value = sizeName(next);
    exact.setAttribute('aria-invalid', 'false');
    slider.setAttribute('aria-valuetext', sizeName(next));
    onInput(next);
  } });
  const element = h('div', { class: 'ram-field' }, field(label, slider), exact);
  /** Brings both to what a link says; one that somebody types in is left alone. */
  const show = (next) => {
    slider.value = ramIndex(next);
    slider.setAttribute('aria-valuetext', sizeName(next));
    if (document.activeElement === exact) return;
    exact.value = sizeName(next);
    exact.setAttribute('aria-invalid', 'false');
  };
  return { element, slider, exact, show };
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

const RAM_USUAL = '0x100000000';

/** A size of a link; one that is no amount is left to the server to refuse. */
export const ramOf = (text) => parseAmount(text ?? '') ?? BigInt(RAM_USUAL);

export class GuestOverlay {
  constructor(onChange, onUnreadable) {
    Object.assign(this, { onChange, onUnreadable });
    this.ranges = [];
    this.element = h('form', { class: 'guest', 'aria-label': 'Guest on the map', hidden: true, onsubmit: (event) => event.preventDefault() });
  }

  async fetchCatalogue(signal) {
    if (this.catalogue === undefined) this.catalogue = await vmms(signal);
  }

  /** The ranges of the guest that the state names; none where it names none. */
  async fetch(state, signal) {
    await this.fetchCatalogue(signal);
    if (!this.catalogue || !state.vmm) return [];
    const answer = await ask('GET', `/v1/vmms/${segment(state.vmm)}`, { query: { ram: state.ram || RAM_USUAL }, signal });
    return answer.occupied ?? [];
  }

  draw(state, ranges) {
    this.ranges = ranges;
    this.name = state.vmm;
    if (!this.catalogue) return;
    if (!this.element.childElementCount) this.build(state);
    this.choice.value = state.vmm ?? '';
    this.ram.element.hidden = !state.vmm;
    this.ram.show(ramOf(state.ram));
  }

  build(state) {
    this.element.hidden = false;
    this.ram = ramField('Guest RAM', ramOf(state.ram), debounce(60, (ram) => this.onChange({ ram: hex(ram) })), this.onUnreadable);
    this.choice = select([['', 'no guest'], ...this.catalogue.map((vmm) => [vmm.id, vmm.name])], state.vmm ?? '', (vmm) => this.onChange({ vmm: vmm || null }));
    replace(this.element, field('Guest of', this.choice), this.ram.element);
  }

  /** The range of the guest that a VMM maps where a decision's window is; undefined where none is. */
  blockerOf(answer) {
    return answer?.window ? this.blocker(span(answer.window)) : undefined;
  }

  blocker(window) {
    return this.ranges.map((range) => ({ ...range, guest: this.name, kind: guestKind(range), at: span(range) }))
      .find(({ kind, at }) => ['ram', 'hotplug', 'occupied'].includes(kind) && overlaps(at, window));
  }

  lanes() {
    if (!this.ranges.length) return [];
    return [{ id: 'guest', label: `Guest, ${this.name}`, items: guestItems(this.ranges) }];
  }
}
