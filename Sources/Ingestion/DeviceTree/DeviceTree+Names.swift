// The names that Linux gives the platform devices that it makes of nodes: sysfs and the kernel's log have no
// others. Mirrors drivers/of/platform.c: of_device_make_bus_id, Linux 7.2, without the property "mask".

import AddressSpaces

extension DeviceTree {
    /// `a001000.dma`: the CPU's address of the node, not the unit of its name. One without is named with
    /// those above it, up to the first that has an address: `soc:gpu`.
    func deviceName(of index: Int) -> String {
        var tail = ""
        var at = index
        while let parent = nodes[at].parent {
            if let address = firstAddress(of: at) {
                // As bytes: interpolated, each of its parts is a string of its own first.
                let name = nodes[at].nameBytes.prefix { $0 != UInt8(ascii: "@") }
                var bytes = Array(HexLiteral.digits(address).utf8)
                bytes.reserveCapacity(bytes.count + 1 + name.count + tail.utf8.count)
                bytes.append(UInt8(ascii: "."))
                bytes += name
                bytes += tail.utf8
                return String(decoding: bytes, as: UTF8.self)
            }
            tail = ":" + nodes[at].name + tail
            at = parent
        }
        return String(tail.dropFirst())
    }

    /// Where `reg` begins, as the CPU sees it; a size of 0 is no matter.
    private func firstAddress(of index: Int) -> UInt64? {
        let node = nodes[index]
        guard let place = node.place(of: .reg), let parent = node.parent else { return nil }
        let bus = self.bus(parent)
        guard bus.isReadable, place.count / 4 >= bus.addressCells else { return nil }
        return cpuAddress(of: bus.address(in: node.flat, at: place.lowerBound), on: parent, .outbound)
    }
}
