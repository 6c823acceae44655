// What a form offers of the conditions of a question. The server knows these words; a test holds this list
// against it.

/** Newest first; the first is what a question is about when neither it nor its host names one. */
export const KERNELS = ['7.3', '7.2', '6.18', '6.12', '6.8', '6.6', '6.1', '5.15', '5.10'];
export const [DEFAULT_KERNEL] = KERNELS;

export const PAGES = [['0x1000', '4 KiB'], ['0x4000', '16 KiB'], ['0x10000', '64 KiB']];
export const [[DEFAULT_PAGE]] = PAGES;

export const APERTURE_BITS = { min: 16, max: 64, usual: 48 };

/** Where mainline Linux puts the window, and the second base of the posted series. */
export const DEFAULT_BASE = '0x8000000';
export const SECOND_BASE = '0xa0000000';

export const DOORBELLS_MAX = 65536;

/** "0x0-0xffffffff" of a link as [lo, hi]; null for any other text. */
export function viewOf(text) {
  const parts = /^(0x[0-9a-f]{1,16})-(0x[0-9a-f]{1,16})$/.exec(text ?? '');
  return parts && [BigInt(parts[1]), BigInt(parts[2])];
}
