// The mask that a device has before its driver sets one.

import Machines
import Testing

@Suite struct DMAMaskTests {
    /// The bus's limit narrows 32 bits to a whole number of bits, never to the limit itself.
    @Test(arguments: [
        (UInt64.max, UInt64(0xffff_ffff)), (0x1_0000_0000, 0xffff_ffff), (0xffff_ffff, 0xffff_ffff),
        (0x8000_0000, 0xffff_ffff), (0x7fff_ffff, 0x7fff_ffff), (0x1003_01ff, 0x1fff_ffff),
        (0x820_01ff, 0xfff_ffff), (0x1000, 0x1fff), (1, 1),
    ])
    func busNarrowsTheDefault(limit: UInt64, mask: UInt64) {
        #expect(Device(id: "d", kind: .platform, dmaLimit: limit).defaultDMAMask == mask)
    }
}
