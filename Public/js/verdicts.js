// What a decision says, in one word and in one sentence: for cards, for the banner above the map, for the map
// itself. "Unreachable" is said of a device that cannot write to the window, never of a guest that needs the place.

import { h } from './dom.js';
import { hex, span } from './hex.js';
import { pill } from './parts.js';

/** [tone, word, sentence] of a decision. */
export function verdictOf(answer) {
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

export function verdictPill(answer) {
  const [tone, word] = verdictOf(answer);
  return pill(word, tone);
}

/** A verdict that is read first: a heading on a coloured ground, sentences below it. */
export const banner = (tone, title, props, ...content) =>
  h('div', { class: `banner ${tone}`, ...props }, h('h2', null, title), content);
