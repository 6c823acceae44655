// The start page, where nothing is chosen: what this answers, three things to do, and machines to try.

import { h } from '../dom.js';
import * as route from '../route.js';
import { fileChoice } from './platforms.js';

const EXAMPLE = 'example-arm-juno';

const task = (title, words, ...rest) => h('section', { class: 'card' }, h('h2', { class: 'task' }, title), h('p', null, words), rest);

/** `items` are the platforms of the server; `take(files)` gets files. */
export function welcome(items, take) {
  const examples = items.filter((item) => item.summary);
  const others = items.filter((item) => !item.summary);
  const name = (item) => h('li', null, h('a', { href: route.link('space', { platform: item.id }) }, item.model ?? item.id), item.summary ? [' ', h('span', { class: 'muted' }, item.summary)] : null);
  return h('div', { class: 'content welcome' },
    h('p', { class: 'lead-text' }, 'When a device of an Arm server is handed to a virtual machine, Linux maps the doorbells of its interrupts at an address in the device’s own address space. Where that address cannot be reached, or the guest needs it, interrupts never arrive. Here you see where it is on a machine, why, and what to change.'),
    h('div', { class: 'cards' },
      task('Check a machine', 'Bring a device tree, ACPI tables, or what iovad collect wrote.', fileChoice('welcome-file', take, 'Choose a file, or drop it anywhere'),
        items.some((item) => item.id === EXAMPLE) ? h('p', null, h('a', { href: route.link('space', { platform: EXAMPLE }) }, 'Or look at an example')) : null),
      task('Explain a fault', '“Unhandled context fault at iova 0x8000040”, or VFIO_MAP_DMA failed: paste what was printed.', h('p', null, h('a', { href: route.link('faults', {}) }, 'Paste a log'))),
      task('Place a VM', 'Which address works for this guest on these hosts, and how much RAM fits.', h('p', null, h('a', { href: route.link('placement', {}) }, 'Place a guest')))),
    examples.length ? h('section', { class: 'panel' }, h('h2', null, 'Machines to try'), h('ul', { class: 'plain' }, examples.map(name))) : null,
    others.length ? h('section', { class: 'panel' }, h('h2', null, 'Machines on this server'), h('ul', { class: 'plain' }, others.map(name))) : null,
    items.length ? null : h('p', { class: 'notice' }, 'This server holds no machine yet. Drop a device tree, ACPI tables or collected JSON.'));
}
