// Every device of a machine under every policy: what a verdict on the machine is made of. A few are asked about at a
// time, and their answers are kept until the machine or the conditions change, so that another device, another policy
// or another guest asks nothing again.

/** Devices that are asked about; of a machine with more the verdict says how many were not. */
const DEVICES_MAX = 256;
const AT_ONCE = 4;

/** The devices that count: the enabled ones, or all where none is. */
export function countedDevices(devices) {
  const active = devices.filter((device) => device.active);
  return active.length ? active : devices;
}

export class MachineAnswers {
  /** `policies` asks about one device. */
  constructor(policies) {
    this.policies = policies;
    this.known = new Map();
  }

  /**
   * {results, left, disabled}: of each device that counts, by its name, what every policy answers; `shown` has its
   * answers already, and is not asked about again. `key` is what the answers depend on besides the device.
   */
  async fetch(key, devices, shown, context, signal) {
    if (key !== this.key) this.known = new Map();
    this.key = key;
    const { known } = this;
    const counted = countedDevices(devices);
    const asked = counted.slice(0, DEVICES_MAX).map(({ name }) => name);
    const missing = asked.filter((name) => name !== shown && !known.has(name));
    const work = async () => {
      for (let name = missing.shift(); name !== undefined; name = missing.shift()) {
        known.set(name, await this.policies.fetch({ ...context, device: name }, signal, 'none'));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return { asked, known, left: counted.length - asked.length, disabled: devices.length - counted.length };
  }
}
