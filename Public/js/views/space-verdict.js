// The verdict of the first view: where the chosen policy puts the doorbells of this device, whether that works, and
// what to change. A guest that needs the place is said apart from a device that cannot reach it.

import { h } from '../dom.js';
import { banner, verdictOf } from '../verdicts.js';
import { changesList, rangeLine } from '../parts.js';

const NEEDS = { ram: 'RAM', hotplug: 'memory that may be plugged in', occupied: 'a range that the VMM maps' };

/** {title, element} for a policy's answer; `blocker` is the guest's range over the window, of the VMM `guest`. */
export function spaceVerdict({ policy, answer, problem }, blocker, guest) {
  if (!answer) return { title: 'No answer', element: banner('warn', 'No answer', null, h('p', null, problem.detail ?? problem.message)) };
  const [tone, , sentence] = verdictOf(answer);
  const isBlocked = blocker && tone === 'good';
  const title = isBlocked ? `MSIs at ${answer.window.start} would arrive, but the guest needs the place` : sentence;
  return { title, element: banner(isBlocked ? 'warn' : tone, title, { 'data-verdict': isBlocked ? 'blocked' : answer.outcome, 'data-tone': isBlocked ? 'warn' : tone },
    h('p', { class: 'verdict-because' }, answer.because),
    isBlocked ? h('p', null, `Blocked by ${NEEDS[blocker.kind]} of ${guest}: `, rangeLine(blocker), ' The device reaches the window; move the window or the guest’s memory.') : null,
    h('p', { class: 'verdict-policy' }, `Under: ${policy.title}. Choose another policy below.`),
    tone === 'good' ? null : changesList(answer.changes)) };
}
