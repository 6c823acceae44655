// Between addresses (BigInt) and pixels (Number). Linear for the detailed picture, doubling for the overview.

import { hex, log2, sizeName } from '../hex.js';

const FINE = 1n << 24n;

/** The linear scale of the addresses lo...hi over `width` pixels from `left` on. */
export class LinearScale {
  constructor(lo, hi, left, width) {
    Object.assign(this, { lo, hi, left, width, span: hi - lo + 1n });
  }

  /** The pixel where `address` begins; beyond the picture it is clamped a little outside. */
  x(address) {
    if (address < this.lo) return this.left - 8;
    if (address > this.hi + 1n) return this.left + this.width + 8;
    return this.left + (Number(((address - this.lo) * FINE) / this.span) / Number(FINE)) * this.width;
  }

  /** The address under a pixel. */
  address(x) {
    const part = Math.min(1, Math.max(0, (x - this.left) / this.width));
    return this.lo + (this.span * BigInt(Math.round(part * 2 ** 24))) / FINE;
  }

  /** Addresses at a power-of-two pitch with about `pixels` between them. */
  ticks(pixels) {
    let step = 1n;
    const least = (this.span * BigInt(pixels)) / BigInt(Math.max(1, Math.floor(this.width)));
    while (step < least) step <<= 1n;
    const ticks = [];
    for (let at = ((this.lo + step - 1n) / step) * step; at <= this.hi; at += step) ticks.push({ at, text: hex(at), size: at ? sizeName(at) : '' });
    return ticks;
  }
}

/** The doubling scale of 0...last: equal width for each power of two above 1 MiB. */
export class DoublingScale {
  constructor(last, left, width) {
    Object.assign(this, { last, left, width, zero: log2(0n), full: log2(last) });
  }

  x(address) {
    const clamped = address > this.last ? this.last : address;
    return this.left + ((log2(clamped) - this.zero) / (this.full - this.zero)) * this.width;
  }

  address(x) {
    const part = Math.min(1, Math.max(0, (x - this.left) / this.width));
    const bits = this.zero + part * (this.full - this.zero);
    const whole = Math.floor(bits);
    const value = (BigInt(Math.round(2 ** (bits - whole) * 2 ** 20)) << BigInt(whole)) >> 20n;
    return value > 1n << 20n ? value - (1n << 20n) : 0n;
  }

  ticks(pixels) {
    const ticks = [];
    let end = -Infinity;
    for (let power = 20n; 1n << power <= this.last; power += 1n) {
      const x = this.x(1n << power);
      if (x - end < pixels) continue;
      ticks.push({ at: 1n << power, text: sizeName(1n << power) });
      end = x;
    }
    return ticks;
  }
}
