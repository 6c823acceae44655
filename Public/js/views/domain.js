// One domain of a session: what it holds as a map and a table, and the verbs: reserve, allocate, map a doorbell,
// attach, free. Every verb is one request, and its answer is shown with its reason.

import { all, ask, segment } from '../api.js';
import { announce, debounce, field, h, hexText, replace } from '../dom.js';
import { hex, parseAmount, sizeName, span } from '../hex.js';
import { AddressMap } from '../map/map.js';
import { regionTable } from '../map/table.js';
import { factRows, hostFacts, ifReported, panel, pill, rangeLine, warningsList } from '../parts.js';
import { DeviceChoice } from './domain-form.js';

const ITEMS_MAX = 1000;

/** Ranges that are held, but not for a caller. */
const HELD = { parked: 'Parked in a cache', mapping: 'Mapped by user space' };

/** A text field for an amount; `read()` gives hex, or null with the field marked. */
function amount(id, value, size = 12) {
  const input = h('input', { id, type: 'text', size, spellcheck: 'false', value, oninput: () => input.setAttribute('aria-invalid', String(parseAmount(input.value) === null)) });
  input.read = () => {
    const number = parseAmount(input.value);
    input.setAttribute('aria-invalid', String(number === null));
    return number === null ? null : hex(number);
  };
  return input;
}

export class DomainPanel {
  constructor(view) {
    this.view = view;
    this.map = new AddressMap({ label: 'IOVA space of the domain' });
    this.facts = h('dl', { class: 'facts' });
    this.answer = h('div', { class: 'answer', 'aria-live': 'polite' });
    this.table = h('div');
    this.notes = h('div', { class: 'stack' });
    this.verbs = h('div', { class: 'cards verbs' }, this.allocateForm(), this.reserveForm(), this.doorbellForm(), this.attachForm());
    this.element = h('div', { class: 'content', hidden: true },
      panel(null, { class: 'map-panel', 'aria-label': 'Domain' }, this.facts, this.notes, this.map.element),
      panel('Do something', null, this.answer, this.verbs),
      panel('The same as a table', { class: 'table-panel' }, this.table));
  }

  /** One verb: posts, shows the answer, brings the view up to date. */
  async post(path, json, tell) {
    await this.view.attempt(async () => {
      const answer = await ask('POST', `${this.path}/${path}`, { json });
      replace(this.answer, h('p', { class: 'done' }, tell(answer), answer.because ? h('span', { class: 'muted' }, ` ${answer.because}`) : null));
      await this.view.refresh();
      const item = this.map.items.get(answer.page ? `d${answer.page}` : `a${(answer.range ?? answer).start}`);
      if (item) this.map.inspect(item);
      return answer;
    });
  }

  form(title, action, label, ...fields) {
    return h('form', { class: 'card', onsubmit: (event) => {
      event.preventDefault();
      action();
    } }, h('h3', null, title), fields, h('button', { type: 'submit', class: 'button' }, label));
  }

  allocateForm() {
    const size = amount('allocate-size', '64K');
    const limit = amount('allocate-limit', '0xffffffff');
    const aligned = h('input', { type: 'checkbox', checked: true });
    this.preview = h('p', { class: 'muted', id: 'preview' });
    this.previewSoon = debounce(150, async () => {
      const wanted = size.read();
      this.preview.textContent = '';
      if (!wanted || !this.path || this.consumer !== 'dma_api') return;
      try {
        const { range: next } = await ask('GET', `${this.path}/available-iovas`, { query: { size: wanted, limit: limit.read(), size_aligned: aligned.checked } });
        this.preview.textContent = next ? `Would be ${next.start} – ${next.last}.` : 'Nothing fits.';
      } catch (problem) {
        this.preview.textContent = problem.detail ?? '';
      }
    });
    for (const input of [size, limit, aligned]) input.addEventListener('input', this.previewSoon);
    const iova = amount('map-iova', '');
    iova.placeholder = 'anywhere';
    this.kernelFields = [field('Last address allowed', limit), h('label', { class: 'check' }, aligned, 'Aligned to its size')];
    this.userFields = [field('At', iova, 'iommufd can choose; VFIO needs an address.')];
    return this.form('Allocate', () => {
      if (this.consumer !== 'dma_api') {
        const [bytes, at] = [size.read(), iova.value.trim() ? iova.read() : undefined];
        if (bytes && at !== null) this.post('iovas', { size: bytes, iova: at }, (answer) => ['Mapped ', rangeLine(answer.range ?? answer)]);
        return;
      }
      const [bytes, below] = [size.read(), limit.read()];
      if (bytes && below) this.post('iovas', { size: bytes, limit: below, size_aligned: aligned.checked }, (answer) => ['Allocated ', rangeLine(answer.range ?? answer)]);
    }, 'Allocate', field('Size', size), this.kernelFields, this.userFields, this.preview);
  }

  reserveForm() {
    const start = amount('reserve-start', '0x8000000');
    const size = amount('reserve-size', '1M');
    return this.form('Reserve', () => {
      const [from, bytes] = [start.read(), size.read()];
      if (from && bytes) this.post('reserved-regions', { start: from, size: bytes, type: 'reserved' }, (answer) => ['Reserved ', rangeLine(answer.range ?? answer)]);
    }, 'Reserve', field('Start', start), field('Size', size));
  }

  doorbellForm() {
    const physical = amount('doorbell-physical', '0x8090040');
    const mask = amount('doorbell-mask', '0xffffffffffffffff', 18);
    const pci = h('input', { type: 'checkbox', checked: true });
    return this.form('Map a doorbell', () => {
      const [at, bits] = [physical.read(), mask.read()];
      if (at && bits) this.post('doorbells', { physical: at, dma_mask: bits, pci: pci.checked }, (answer) => ['The device writes to ', hexText(answer.iova)]);
    }, 'Map', field('Physical address', physical), field('DMA mask of the device', mask), h('label', { class: 'check' }, pci, 'PCI device'));
  }

  attachForm() {
    const choice = new DeviceChoice();
    return this.form('Attach a device', () => {
      if (choice.value) this.post('devices', choice.value, (answer) => ['Attached ', h('code', null, answer.id ?? choice.value.device)]);
    }, 'Attach', choice.elements);
  }

  free(item) {
    return this.view.attempt(async () => {
      await ask('DELETE', `${this.path}/iovas/${segment(hex(item.start))}`);
      announce(`${hex(item.start)} is free.`);
      replace(this.answer, h('p', { class: 'done' }, 'Freed ', h('code', null, hex(item.start)), '.'));
      await this.view.refresh();
    });
  }

  async load(path, domain) {
    this.element.hidden = !path;
    this.path = path;
    if (!path) return;
    this.consumer = domain.consumer;
    for (const one of this.kernelFields) one.hidden = domain.consumer !== 'dma_api';
    for (const one of this.userFields) one.hidden = domain.consumer === 'dma_api';
    const [reserved, held, doorbells] = await Promise.all([
      all(`${path}/reserved-regions`, {}, ITEMS_MAX), all(`${path}/iovas`, {}, ITEMS_MAX), all(`${path}/doorbells`, {}, ITEMS_MAX),
    ]);
    if (path !== this.path) return;
    this.draw(domain, reserved.items, held.items, doorbells.items);
    this.previewSoon();
  }

  draw(domain, reserved, held, doorbells) {
    const granule = BigInt(domain.granule ?? '0x1000');
    const last = BigInt(domain.aperture?.last ?? (1n << 48n) - 1n);
    replace(this.facts, factRows(['Consumer', pill(domain.consumer)], ['Granule', sizeName(granule)], ['Last address', h('code', null, hex(last))],
      ['Allocated', String(domain.iovas)], ['Doorbells', String(domain.doorbells)],
      ['Devices', domain.devices.length ? domain.devices.map((device) => h('code', null, device.id)) : 'none'],
      ['Linux refuses', domain.errno ? pill(domain.errno, 'bad') : null]));
    replace(this.notes, warningsList(domain.warnings), hostFacts(domain.host_facts), this.otherDomain(domain.if_iommu_reports_msi));
    const range = (item) => span(item.range ?? item);
    const lanes = [
      { id: 'doorbells', label: 'Doorbells', items: doorbells.map((doorbell) => {
        const start = BigInt(doorbell.page);
        return { id: `d${doorbell.page}`, kind: 'doorbell', start, last: start + granule - 1n, mark: true, title: `Doorbell ${doorbell.physical}`, label: 'doorbell', note: 'An MSI to this doorbell is written to this page, at the doorbell’s offset in its own page.', seen: 'doorbells' };
      }) },
      { id: 'held', label: 'Allocated', items: held.filter((item) => !['doorbell', 'reserved'].includes(item.kind)).map((item) => {
        const entry = { id: `a${(item.range ?? item).start}`, kind: 'allocated', ...range(item), title: HELD[item.kind] ?? null, note: `${item.pages} ${item.pages === 1 ? 'page' : 'pages'} of the granule’s size.`, seen: 'iovas' };
        const verb = { allocation: 'Free it', mapping: 'Unmap it' }[item.kind];
        if (verb) entry.action = { label: verb, run: () => this.free(entry) };
        return entry;
      }) },
      { id: 'reserved', label: 'Reserved', items: reserved.map((region, index) => ({ id: `r${index}-${(region.range ?? region).start}`, kind: region.kind ?? region.type ?? 'reserved', ...range(region), note: region.provenance, seen: 'reserved regions' })) },
    ];
    if (domain.window) lanes.unshift({ id: 'window', label: 'MSI window', items: [{ id: 'window', kind: 'window', ...span(domain.window), mark: true, seen: 'domain' }] });
    this.map.setData({ last, lanes });
    this.drawTable(`What is in domain ${domain.id}`);
  }

  /** What the domain is if the virtio-iommu of its devices reports MSI regions. */
  otherDomain(other) {
    if (!other) return null;
    return ifReported(other, h('p', null, other.errno ? ['Linux refuses: ', pill(other.errno, 'bad')] : ['MSI window ', other.window ? rangeLine(other.window) : 'none', `; reserved regions: ${other.reserved_regions}.`]));
  }

  /** Somebody may be reading the table with the keyboard while it changes: the focus stays on its row. */
  drawTable(caption) {
    const held = this.table.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
    replace(this.table, regionTable(this.map, caption));
    if (held) this.table.querySelector(`[aria-label="${CSS.escape(held)}"]`)?.focus();
  }
}
