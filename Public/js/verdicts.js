// What a decision says, in one word and in one sentence: for cards, for the banner above the map, for the map
// itself. "Unreachable" is said of a device that cannot write to the window, never of a guest that needs the place.

import { h } from './dom.js';
import { hex, span } from './hex.js';
import { pill, rangeLine } from './parts.js';

/** What a guest needs a place for, in a pill and in a sentence. */
const NEEDS = {
  ram: ['RAM', 'RAM'], hotplug: ['memory', 'memory that may be plugged in'], occupied: ['ranges', 'a range that the VMM maps'],
};

/** [tone, word, sentence] of a decision; `blocker` is the range of a guest that lies over its window, where one does. */
export function verdictOf(answer, blocker) {
  const own = verdictOfDevice(answer);
  return blocker && own[0] === 'good'
    ? ['warn', `blocked by guest ${NEEDS[blocker.kind][0]}`, `MSIs at ${hex(span(answer.window).start)} would arrive, but the guest needs the place`]
    : own;
}

function verdictOfDevice(answer) {
  const at = answer.window ? ` at ${hex(span(answer.window).start)}` : '';
  const good = answer.reachable ? 'good' : 'bad';
  switch (answer.outcome) {
    case 'refused': return ['bad', answer.errno ? `refused, ${answer.errno}` : 'refused', `Linux refuses${answer.errno ? ` with ${answer.errno}` : ''}`];
    case 'none': return ['bad', 'no window', 'There is no MSI window'];
    case 'hardware': return [good, 'hardware MSI', 'The hardware takes MSIs before any translation'];
    case 'identity': return [good, 'identity', 'MSIs are not translated'];
    default:
  }
  if (answer.reachability === 'conditional') return ['warn', 'depends on the bridge', `Whether MSIs${at} arrive depends on the bridge`];
  return answer.reachable
    ? ['good', 'reachable', `MSIs${at} arrive`]
    : ['bad', 'unreachable', `MSIs${at} do not arrive`];
}

export function verdictPill(answer, blocker) {
  const [tone, word] = verdictOf(answer, blocker);
  return pill(word, tone);
}

/** "RAM of qemu-virt" */
export const guestNeed = (blocker) => `${NEEDS[blocker.kind][1]} of ${blocker.guest}`;

/** Which range of a guest lies over a window that the device reaches; null where the window is not reached anyway. */
export const blockedBy = (answer, blocker) => (blocker && verdictOfDevice(answer)[0] === 'good'
  ? h('p', { class: 'blocked-by' }, `Blocked by ${guestNeed(blocker)}: `, rangeLine(blocker), ' The device reaches the window; move the window or the guest’s memory.')
  : null);

/** A verdict that is read first: a heading on a coloured ground, sentences below it. */
export const banner = (tone, title, props, ...content) =>
  h('div', { class: `banner ${tone}`, ...props }, h('h2', null, title), content);
