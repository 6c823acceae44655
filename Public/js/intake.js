// Files that are dropped or chosen, wherever that happens: told apart by their bytes, and brought to the view that
// knows what to do with them. A log goes to Faults, anything of a machine becomes a platform.

import { LOG_MARKS } from './log-marks.js';

const DEVICE_TREE = 'application/vnd.devicetree.blob';
const ACPI = 'application/vnd.acpi.table';
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain';

/** So much of a text is looked at. */
const LOOKED_AT_BYTES = 256 * 1024;
/** Members of the JSON that describes a machine. */
const MACHINE_JSON = /"(collected|smmus|devices|msi_controllers|reserved_regions|groups)"\s*:/;

/** The media type of a file's first bytes. */
export async function mediaType(file) {
  const bytes = new Uint8Array(await file.slice(0, 64).arrayBuffer());
  const text = new TextDecoder('latin1').decode(bytes);
  if (bytes[0] === 0xd0 && bytes[1] === 0x0d && bytes[2] === 0xfe && bytes[3] === 0xed) return DEVICE_TREE;
  if (/^(IORT|APIC|DSDT|SSDT)/.test(text)) return ACPI;
  if (/^\s*\{/.test(text)) return JSON_TYPE;
  // Logs hold names and quotes of any script.
  if (!/[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) return TEXT;
  return 'application/octet-stream';
}

/** 'log' where a text is one that an endpoint for logs reads; else 'machine', for the server to judge. */
export async function recognise(files) {
  if (files.length !== 1) return 'machine';
  const type = await mediaType(files[0]);
  if (type !== TEXT && type !== JSON_TYPE) return 'machine';
  const text = await files[0].slice(0, LOOKED_AT_BYTES).text();
  if (type === JSON_TYPE && MACHINE_JSON.test(text)) return 'machine';
  return LOG_MARKS.some(([, mark]) => mark.test(text)) ? 'log' : 'machine';
}

/** Calls `take(files)` for what is dropped anywhere on the page. */
export function listenForDrops(take) {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  const mark = (on) => document.body.classList.toggle('dropping', on);
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener('dragleave', (event) => event.relatedTarget || mark(false));
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    take([...event.dataTransfer.files]);
  });
}
