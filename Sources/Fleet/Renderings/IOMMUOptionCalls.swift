// The two options of iommufd that move the window of a device, as `struct iommu_option` for ioctl(2):
// posted as "iommufd: SW_MSI", v2, 14 Oct 2025, and in no release. They are of one device, between its bind
// and its attach, START before SIZE.

import AddressSpaces
import MSIWindows

/// Both calls, as an initialiser of C and as bytes.
struct IOMMUOptionCalls {
    private let window: IOVARange
    private let marks: [String]

    /// `IOMMU_OPTION_SW_MSI_START` and `_SIZE` of the posted header.
    private enum Option: UInt32 {
        case start = 2
        case size = 3

        var name: String {
            switch self {
            case .start: "IOMMU_OPTION_SW_MSI_START"
            case .size: "IOMMU_OPTION_SW_MSI_SIZE"
            }
        }
    }

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        guard vm.isMoved else {
            throw .init(
                vm.mechanism.notAvailable.first { $0.kind == .iommufdOptions }?.because
                    ?? "Linux's own window works: no option is needed.")
        }
        window = vm.window
        marks = vm.marks
        guard Granule.mib1.isAligned(window.start.value), let size = window.size, Granule.mib1.isAligned(size)
        else { throw .init("The options take multiples of 1 MiB only, and \(window.text) is not.") }
    }

    var text: String {
        let size = Granule.mib1.pageCount(of: window.size ?? 0)
        let mark = marks.map { "\($0)\n * " }.joined()
        return """
            /* \(mark)The window \(window.text), by the options of iommufd as posted ("iommufd: SW_MSI", v2, 14 Oct 2025).
             * No release has them. For every device of the VM, by ioctl(iommufd, IOMMU_OPTION, &option) after
             * VFIO_DEVICE_BIND_IOMMUFD, whose out_devid is dev_id, and before VFIO_DEVICE_ATTACH_IOMMUFD_PT.
             */
            \(initialiser(.start, window.start.hex, "bytes"))
            \(initialiser(.size, String(size), "MiB"))

            /* The same as bytes, little endian; the last four of the second row are dev_id. */
            \(bytes(.start, window.start.value))
            \(bytes(.size, size))

            """
    }

    private func initialiser(_ option: Option, _ value: String, _ unit: String) -> String {
        """
        struct iommu_option \(option == .start ? "start" : "size") = {
        \t.size = sizeof(struct iommu_option),
        \t.option_id = \(option.rawValue), /* \(option.name) */
        \t.op = IOMMU_OPTION_OP_SET,
        \t.object_id = dev_id,
        \t.val64 = \(value), /* \(unit) */
        };
        """
    }

    private func bytes(_ option: Option, _ value: UInt64) -> String {
        var bytes = TableBytesWriter()
        bytes.append(UInt32(24))
        bytes.append(option.rawValue)
        // The operation, which is 0, what is reserved, and dev_id.
        bytes.append(UInt32(0))
        bytes.append(UInt32(0))
        bytes.append(value)
        return bytes.rows(of: 8)
    }
}

/// Little-endian fields, and how they are printed.
struct TableBytesWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append<Field: FixedWidthInteger & UnsignedInteger>(_ field: Field) {
        for shift in stride(from: 0, to: Field.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: field >> Field(shift)))
        }
    }

    /// Two digits a byte, so that `xxd -r -p` reads them.
    func rows(of count: Int) -> String {
        stride(from: 0, to: bytes.count, by: count).map { row in
            bytes[row..<min(row + count, bytes.count)].map { HexLiteral.digits($0, atLeast: 2) }
                .joined(separator: " ")
        }.joined(separator: "\n")
    }
}
