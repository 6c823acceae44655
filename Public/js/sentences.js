// The server's sentences for people at a form: without what they say to programs (routes), and with the names of
// fields instead of places in a request. What the API said word for word stays one step away.

/** What a member of a request is called in the forms. */
const FIELDS = {
  aperture: 'Aperture', aperture_bits: 'Aperture, bits', device: 'Device', devices: 'Devices', doorbell_count: 'Doorbells', granule: 'Granule', hosts: 'Host',
  id: 'Name', ipa_bits: 'IPA bits', kernel: 'Kernel', kernels: 'Kernel', limit: 'Limit', maxmem: 'Largest RAM (maxmem)', movable: 'The window can be moved', msi_32bit_only: '32-bit MSI', page_size: 'Pages',
  p2p: 'Peer-to-peer DMA', platform: 'Platform', policies: 'Policy', ram: 'RAM', requested: 'Wanted start', slots: 'Memory slots', ttl_seconds: 'Time to live', viommu: 'vIOMMU', vm: 'Guest', vmm: 'VMM', window: 'Window', window_source: 'VMM’s window',
};

/** Members that only hold others: their field says enough. */
const HOLDERS = new Set(['vm', 'window']);

/** "/hosts/0/devices/1" as "Host 1, Device 2"; empty for the whole of what was sent. */
export function fieldName(pointer) {
  const names = [];
  const parts = pointer.replace(/^[?/]/, '').split('/').filter(Boolean).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  for (const [index, part] of parts.entries()) {
    if (/^\d+$/.test(part) && names.length) names.push(`${names.pop().replace(/s$/, '')} ${Number(part) + 1}`);
    else if (!HOLDERS.has(part) || index === parts.length - 1) names.push(FIELDS[part] ?? part.replaceAll('_', ' '));
  }
  return names.join(', ');
}

/** A sentence without its clauses about routes: "No platform x; GET /v1/platforms lists them." is "No platform x." */
export function withoutRoutes(text) {
  if (!text?.includes('/v1/')) return text;
  const [first, ...rest] = text.replace(/ \([^()]*\/v1\/[^()]*\)/g, '').split(/(; |: |(?<=\.) )/);
  let plain = first.includes('/v1/') ? '' : first;
  for (let at = 0; at < rest.length; at += 2) if (!rest[at + 1].includes('/v1/')) plain += (plain ? rest[at] : '') + rest[at + 1];
  if (!plain) return text;
  return /[.!?]$/.test(plain) ? plain : `${plain}.`;
}
