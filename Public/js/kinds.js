// What stands in an address space, by kind: its name, one sentence for who meets it first, and its class of
// colour. The API's enums are open-ended, so an unknown kind is shown under its own name.

const KINDS = {
  page_zero: ['Page zero', 'Linux keeps the first page free, so that address 0 is never a valid IOVA.'],
  pci_window: ['PCI window', 'Bus addresses that the host bridge decodes for BARs: a DMA there would meet a BAR, not memory.'],
  dma_ranges_gap: ['Gap in dma-ranges', 'The bridge carries no inbound DMA here: what a device writes is lost.'],
  iommu_addresses: ['Firmware reservation', 'The device tree reserves these IOVAs for this device (iommu-addresses).'],
  rmr: ['Reserved memory (RMR)', 'The IORT reserves this range; it is mapped one to one while the device lives.'],
  hw_msi: ['Hardware MSI', 'Writes here become interrupts before any translation.'],
  above_dma_limit: ['Beyond the DMA limit', 'This device cannot send such an address.'],
  outside_aperture: ['Beyond the aperture', 'The SMMU does not translate input addresses in this range.'],
  outside_iova_ranges: ['Outside the usable ranges', 'The host did not list this range as usable.'],
  reserved_region: ['Reserved region', 'The host reports this range as reserved.'],
  device_window: ['MSI window of the host', 'Where the host already puts the doorbells of this device.'],
  available: ['Room for a window', 'Every aligned 1 MiB window in this range is reachable.'],
  usable: ['Usable through VFIO', 'VFIO reports this range as usable for user mappings.'],
  window: ['MSI window', 'Where the kernel maps doorbell pages for this policy.'],
  window_unreachable: ['Unreachable MSI window', 'Linux maps doorbells here, but the device cannot reach it.'],
  window_blocked: ['Blocked MSI window', 'The device reaches it, but the guest needs these addresses itself.'],
  window_conditional: ['MSI window in a PCI window', 'Whether a write there reaches the SMMU depends on the bridge.'],
  doorbell: ['Doorbell page', 'One page of the window, mapped to a physical MSI doorbell.'],
  ram: ['Guest RAM', 'Guest-physical memory that the VMM maps for DMA.'],
  hotplug: ['Hot-plug span', 'Memory may appear here while the guest runs.'],
  bar_window: ['Guest BAR window', 'BARs may be mapped here for peer-to-peer DMA.'],
  pinned_bar: ['Pinned BAR', 'A BAR at its host address.'],
  emulated: ['Emulated device', 'The VMM emulates a device here; it is not mapped for DMA, so a window may overlap it.'],
  occupied: ['Mapped by the VMM', 'The VMM maps this range, or may map it.'],
  candidate: ['Candidate range', 'A window can start anywhere in this range, aligned.'],
  pick: ['Pick', 'A window that this answer proposes.'],
  blocker: ['Blocker', 'This prevents the default window from working.'],
  unmappable: ['RAM that cannot be mapped', 'No window helps: the host does not allow these addresses for RAM.'],
  reserved: ['Reserved', 'Never handed out by the allocator.'],
  allocated: ['Allocated', 'An IOVA range that is in use.'],
  direct: ['Direct mapping', 'Mapped one to one; the device cannot be assigned to a guest.'],
  direct_relaxable: ['Relaxable direct mapping', 'Mapped one to one for the kernel; VFIO and iommufd drop it.'],
  msi: ['MSI region', 'The MSI range as the IOMMU driver reports it.'],
};

export function kindName(kind) {
  return KINDS[kind]?.[0] ?? String(kind).replaceAll('_', ' ').replaceAll('-', ' ');
}

export const kindSentence = (kind) => KINDS[kind]?.[1] ?? '';

/** A class that the style sheet knows, or the neutral one. */
export const kindClass = (kind) => (KINDS[kind] ? `k-${kind.replaceAll('_', '-')}` : 'k-reserved');

const BACKGROUND = new Set(['available', 'usable', 'candidate', 'above_dma_limit', 'outside_aperture', 'outside_iova_ranges', 'dma_ranges_gap']);

/** Whether a kind fills what is left over, rather than standing somewhere for a reason of its own. */
export const isBackground = (kind) => BACKGROUND.has(kind);
