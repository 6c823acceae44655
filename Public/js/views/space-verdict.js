// The verdicts of the first view: that of the whole machine first, which is as bad as its worst device, then that of
// the device that is shown: where the chosen policy puts its doorbells, whether that works, and what to change. A guest
// that needs the place is said apart from a device that cannot reach it.

import { h } from '../dom.js';
import { changesList, pill } from '../parts.js';
import * as route from '../route.js';
import { banner, blockedBy, guestNeed, verdictOf } from '../verdicts.js';

/** Devices that are named at once; the others unfold. */
const NAMES_MAX = 8;

/** {tone, title, element} for a policy's answer about one device; `blocker` is the guest's range over the window. */
export function deviceVerdict({ policy, answer, problem }, blocker) {
  if (!answer) return { tone: 'warn', title: 'No answer', element: banner('warn', 'No answer', null, h('p', null, problem.detail ?? problem.message)) };
  const [tone, , title] = verdictOf(answer, blocker);
  const blocked = blockedBy(answer, blocker);
  return { tone, title, element: banner(tone, title, { 'data-verdict': blocked ? 'blocked' : answer.outcome, 'data-tone': tone },
    h('p', { class: 'verdict-because' }, answer.because), blocked,
    h('p', { class: 'verdict-policy' }, `Under: ${policy.title}. Choose another policy below.`),
    tone === 'good' ? null : changesList(answer.changes)) };
}

/** What is said of so many devices of a kind, worst first. */
const KINDS = {
  refused: ['bad', (count) => `Linux refuses ${count}`],
  fails: ['bad', (count) => `MSIs of ${count} do not arrive`],
  conditional: ['warn', (count) => `whether MSIs of ${count} arrive depends on the bridge`],
  blocked: ['warn', (count) => `the guest needs the place of the window of ${count}`],
  unanswered: ['warn', (count) => `there is no answer about ${count}`],
};

function kindOf({ answer, blocker }) {
  if (!answer) return 'unanswered';
  if (answer.outcome === 'refused') return 'refused';
  const [tone] = verdictOf(answer, blocker);
  return tone === 'good' ? null : tone === 'bad' ? 'fails' : blockedBy(answer, blocker) ? 'blocked' : 'conditional';
}

/**
 * {tone, title, element, words} for the machine `name`, with a word for each device that is not served: `members` are {device, answer, problem, blocker} of each device that
 * counts, `left` are those beyond what is asked about, `disabled` those that do not count.
 */
export function machineVerdict(name, members, { left, disabled, state }) {
  const groups = new Map();
  for (const member of members) {
    const kind = kindOf(member);
    if (!kind) continue;
    const because = kind === 'blocked' ? `the guest has ${guestNeed(member.blocker)} there.`
      : member.answer?.because ?? member.problem.detail ?? member.problem.message;
    const key = JSON.stringify([kind, because]);
    if (!groups.has(key)) groups.set(key, { kind, because, answer: member.answer, blocker: member.blocker, devices: [] });
    groups.get(key).devices.push(member.device);
  }
  const found = [...groups.values()].sort((a, b) => RANK.indexOf(a.kind) - RANK.indexOf(b.kind));
  const bad = found.reduce((sum, { devices }) => sum + devices.length, 0);
  const total = members.length + left;
  const parts = RANK.map((kind) => [kind, found.filter((group) => group.kind === kind).reduce((sum, { devices }) => sum + devices.length, 0)])
    .filter(([, count]) => count);
  const sentence = parts.map(([kind, count], index) => KINDS[kind][1](index ? String(count) : `${count} of the ${total} devices of ${name}`)).join('; ');
  const title = parts.length ? sentence[0].toUpperCase() + sentence.slice(1)
    : left ? `MSIs of the first ${members.length} of the ${total} devices of ${name} arrive` : `MSIs of all ${total} devices of ${name} arrive`;
  const tone = parts.length ? KINDS[parts[0][0]][0] : left ? 'warn' : 'good';
  const words = new Map(found.flatMap((group) => group.devices.map((device) => [device, verdictWord(group)])));
  return { tone, title, words, element: banner(tone, title, { 'data-machine': name, 'data-tone': tone },
    found.length ? h('ul', { class: 'plain failing' }, found.map((group) => h('li', null, pill(...verdictWord(group).reverse()), ' ', names(group.devices, state), ': ', group.because))) : null,
    bad && bad < members.length ? h('p', null, members.length - bad === 1 ? 'MSIs of the other device arrive.' : `MSIs of the other ${members.length - bad} arrive.`) : null,
    left ? h('p', null, `The ${left} devices after the first ${members.length} were not asked about: choose one in the list.`) : null,
    disabled ? h('p', { class: 'verdict-policy' }, `${disabled} disabled device${disabled === 1 ? ' is' : 's are'} not counted.`) : null) };
}

const RANK = Object.keys(KINDS);

/** [tone, word] of a group. */
const verdictWord = ({ kind, answer, blocker }) => (kind === 'unanswered' ? ['warn', 'no answer'] : verdictOf(answer, blocker).slice(0, 2));

/** Devices as links that show them; many are folded. */
function names(devices, state) {
  const link = (device, index) => [index ? ', ' : '', h('a', { href: route.link('space', { ...state, device }) }, h('code', null, device))];
  if (devices.length <= NAMES_MAX) return devices.map(link);
  return h('details', { class: 'more' }, h('summary', null, `${devices.length} devices`), devices.map(link));
}
