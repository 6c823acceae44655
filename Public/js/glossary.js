// Words of the field in a sentence each, where people meet them: a mark beside a word that says what it is, by
// pointer, by keyboard and by touch.

import { h } from './dom.js';

const WORDS = {
  aperture: ['aperture', 'The input addresses that the SMMU translates: 0 up to 2 to the power of this many bits.'],
  'msi window': ['MSI window', 'The range of I/O virtual addresses where Linux maps the doorbells of interrupt controllers for a device.'],
  doorbell: ['doorbell', 'The register that a device writes to in order to raise an interrupt (MSI). It is mapped, like memory, at an I/O virtual address.'],
  smmu: ['SMMU', 'Arm’s IOMMU: it translates the addresses of devices, as the MMU translates those of processors.'],
  'reserved region': ['reserved region', 'A range of I/O virtual addresses that must not be mapped for this device, as firmware or a driver says.'],
  'dma limit': ['DMA limit', 'The highest address that this device can send.'],
  'page size': ['page size', 'The granule of the host: windows and gaps are rounded to it.'],
  'peer-to-peer': ['peer-to-peer DMA', 'A device that reads or writes the registers (BARs) of another one: the VMM then maps BARs too.'],
  viommu: ['vIOMMU', 'An IOMMU that the VMM shows to the guest.'],
  ipa: ['IPA bits', 'How many bits the guest’s physical addresses have: what is above cannot hold RAM or BARs.'],
  maxmem: ['maxmem', 'So much RAM the guest may have once memory was plugged in; room for it is kept from the start.'],
  'stream id': ['stream ID', 'The number by which the SMMU tells devices apart.'],
};

let count = 0;
let open = null;

function close() {
  open?.tip.remove();
  open?.button.removeAttribute('aria-describedby');
  open = null;
}

addEventListener('keydown', (event) => event.key === 'Escape' && close());

/** A mark that explains a word. */
export function term(word) {
  const [name, sentence] = WORDS[word];
  const show = () => {
    if (open?.button === button) return;
    close();
    const tip = h('span', { class: 'tip term-tip', role: 'tooltip', id: `term-${(count += 1)}` }, h('span', null, sentence));
    button.after(tip);
    button.setAttribute('aria-describedby', tip.id);
    const { left } = tip.getBoundingClientRect();
    const over = left + tip.offsetWidth - document.documentElement.clientWidth + 8;
    if (over > 0) tip.style.marginLeft = `${-over}px`;
    open = { button, tip };
  };
  const button = h('button', { type: 'button', class: 'term', 'aria-label': `What does “${name}” mean?`, onclick: show, onfocus: show, onpointerenter: show, onblur: close, onpointerleave: () => document.activeElement !== button && close() }, '?');
  return button;
}

/** A name with the mark beside it. */
export const named = (text, word) => h('span', { class: 'label-line' }, text, term(word));

/** A field with the mark beside its label. */
export function hint(word, box) {
  const label = box.querySelector('label');
  const line = h('span', { class: 'label-line' });
  label.before(line);
  line.append(label, term(word));
  return box;
}
