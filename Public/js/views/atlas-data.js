// What the atlas is made of: the survey that ships with the server, with the list of all its devices; a fresh survey
// of the platforms that the server holds; and one of ACPI servers whose maps are public, which are in no device tree.

import { all, ask } from '../api.js';

/** One survey takes no more platforms. */
const PLATFORMS_MAX = 10000;

/** Ampere Altra ships as an example; of HiSilicon's D05 a public list of reserved regions is known. */
const ACPI_QUESTION = {
  platforms: ['example-ampere-altra'],
  hosts: [{ name: 'HiSilicon D05', reserved_regions: [{ start: '0x8000000', size: '0x100000', type: 'software_msi' }, { start: '0xc6010000', last: '0xc601ffff', type: 'msi' }] }],
};

/** A survey's NDJSON: a line a device, then the summary. */
function readLines(text) {
  const lines = text.trim().split('\n').map((line) => JSON.parse(line));
  return { rows: lines.filter((line) => line.kind === 'device'), summary: lines.at(-1) };
}

const key = (platform, device) => `${platform} ${device}`;

/** The atlas names who conflicts, the list of devices where everybody else's windows are. */
function readAtlas(summary, list) {
  const conflicts = new Map();
  for (const { platform, device, policy, base, reachability, reasons } of summary.conflicts) {
    const name = key(platform, device);
    if (!conflicts.has(name)) conflicts.set(name, {});
    conflicts.get(name)[policy] = { fits: false, base, reachability, reasons };
  }
  const cells = list.bases.map((bases) => Object.fromEntries(list.policies.map((policy, index) => [policy, { fits: true, base: bases[index] }])));
  const rows = Object.entries(list.platforms).flatMap(([platform, devices]) => devices.map(([device, number]) => {
    const own = conflicts.get(key(platform, device));
    return { platform, device, policies: own ? { ...cells[number], ...own } : cells[number] };
  }));
  return { rows, summary, without: list.without_devices };
}

/** {rows, summary, without, request}: the request is [method, path, body]. */
export async function loadAtlas(source, signal) {
  if (source === 'debian') {
    const [summary, list] = await Promise.all([ask('GET', '/v1/atlas', { signal }), ask('GET', '/atlas-devices.json', { signal })]);
    return { ...readAtlas(summary, list), request: ['GET', '/v1/atlas'] };
  }
  const question = source === 'acpi' ? ACPI_QUESTION
    : { platforms: (await all('/v1/platforms', {}, PLATFORMS_MAX, signal)).items.map((item) => item.id) };
  const text = await ask('POST', '/v1/surveys', { json: question, accept: 'application/x-ndjson', signal });
  return { ...readLines(text), without: [], request: ['POST', '/v1/surveys', question] };
}

export const isConflict = (row) => Object.values(row.policies).some((cell) => !cell.fits);
