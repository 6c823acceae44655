// Addresses and sizes. They are BigInt from the wire to the screen: a double cannot hold them.

export const MAX = (1n << 64n) - 1n;
export const GIB4 = 1n << 32n;
export const MIB = 1n << 20n;

/** Canonical text: 0x and lower-case digits. */
export const hex = (n) => '0x' + n.toString(16);

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A size as people say it: exact where it can be, otherwise with two decimals and a sign that says so. */
export function sizeName(n) {
  let unit = 0;
  while (unit < 6 && n >= 1n << BigInt(10 * (unit + 1))) unit += 1;
  const one = 1n << BigInt(10 * unit);
  if (n % one === 0n) return `${n / one} ${UNITS[unit]}`;
  const hundredths = (n * 100n) / one;
  const exact = (hundredths * one) % 100n === 0n && (hundredths * one) / 100n === n;
  const text = `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}`.replace(/\.?0+$/, '');
  return `${exact ? '' : '≈ '}${text} ${UNITS[unit]}`;
}

const SUFFIX = { k: 10n, m: 20n, g: 30n, t: 40n, p: 50n, e: 60n };

/** What the server takes for an amount: 0x8000000, 4096, 64G, 2MiB, 4 GB, 1.5G. */
const AMOUNT = /^(?:0x0*[0-9a-f]{1,16}|([0-9]+)(?: ?(?:([kmgtpe])i?b?|b))?|([0-9]+)\.([0-9]+) ?(?:([kmgtpe])i?b?|b))$/i;

/** A plain decimal beyond this is not exact in JSON, and the server refuses it. */
const DECIMAL_MAX = (1n << 53n) - 1n;

/** What a person types, as the server would read it. Null when it is no amount, more than 64 bits, or a part of a byte. */
export function parseAmount(text) {
  const parts = AMOUNT.exec(text.trim());
  if (!parts) return null;
  const [all, digits, suffix, whole, fraction, unit] = parts;
  if (fraction) {
    const scaled = BigInt(whole + fraction) << (unit ? SUFFIX[unit.toLowerCase()] : 0n);
    const one = 10n ** BigInt(fraction.length);
    return scaled % one === 0n && scaled / one <= MAX ? scaled / one : null;
  }
  const n = digits === undefined ? BigInt(all) : BigInt(digits) << (suffix ? SUFFIX[suffix.toLowerCase()] : 0n);
  return n <= (digits === all ? DECIMAL_MAX : MAX) ? n : null;
}

/** {start, last} of an answer as BigInt. */
export const span = (range) => ({ start: BigInt(range.start), last: BigInt(range.last) });

export const sizeOf = (range) => range.last - range.start + 1n;

/** "0x8000000 – 0x80fffff". */
export const rangeName = (range) => `${hex(range.start)} – ${hex(range.last)}`;

export const overlaps = (a, b) => a.start <= b.last && b.start <= a.last;

/** log2 of n + 1 MiB, so that the first MiB keeps some width; a position on a screen, never an address. */
export function log2(n) {
  const digits = (n + MIB).toString(2);
  return digits.length - 1 + Math.log2(Number(BigInt('0b' + digits.slice(0, 32))) / 2 ** (Math.min(32, digits.length) - 1));
}
