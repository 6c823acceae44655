// truth.json of one capture as values: what a real kernel printed, mapped and programmed. The field names
// are the file's own (data/linux-captures/README.md on the shelf); nothing is computed here.

import Foundation

/// One boot, as recorded. Fields that a boot without an export lacks are optional.
struct Truth: Decodable {
    struct Knobs: Decodable {
        var kernel: String
        var append: String?
        var predev: [String]?
    }

    struct Doorbell: Decodable { var phys: Hex }

    /// What the IOMMU driver printed at probe.
    struct IOMMU: Decodable {
        var smmuv3: String?
        var virtio: [String]?
    }

    struct Group: Decodable {
        var type: String
        var devices: [String]
        var reservedRegions: [String]
    }

    struct Domain: Decodable {
        var granule: Hex
        var startPfn: UInt64
        var firstDev: String
        /// First and last address, first and last pfn, in call order.
        var reserves: [[Hex]]
        var opsUntilMsi: [Operation]
        var msiMap: Mapping?
        var directMaps: [DirectMap]
    }

    /// One call of the allocator, or a mapping.
    struct Operation: Decodable {
        var op: String
        var iova: Hex?
        var size: UInt64?
        var limitPfn: Hex?
        var dmaLimitArg: Hex?
        var dev: String?
        var msi: Bool?
        var loPfn: Hex?
        var hiPfn: Hex?
    }

    struct Mapping: Decodable {
        var iova: Hex
        var paddr: Hex
        var size: UInt64
    }

    struct Device: Decodable {
        var group: Int?
        var driver: String
        var cls: String
        var dmaMaskBits: String
        var msiAddrs: [Hex]
    }

    struct Rebound: Decodable { var addrs: [Hex] }

    var config: String
    var knobs: Knobs
    var kernel: String?
    var doorbell: Doorbell?
    var iommu: IOMMU?
    var groups: [String: Group]?
    var domains: [String: Domain]?
    var devices: [String: Device]?
    var attachOrder: [String]?
    var vfio: [VFIOTruth]?
    var vfioMsiMaps: [Mapping]?
    var afterRebind: [String: Rebound]?
    var errors: [String]

    init(reading bytes: [UInt8]) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Truth.self, from: Data(bytes))
    }
}

/// Address and length of a one-to-one mapping: `["0x...", 1048576]`.
struct DirectMap: Decodable {
    var start: UInt64
    var size: UInt64

    init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        start = try values.decode(Hex.self).value
        size = try values.decode(UInt64.self)
    }
}

/// What user space saw through one way into one device.
struct VFIOTruth: Decodable {
    struct MapTest: Decodable {
        var iova: Hex
        /// Bytes; one page where the capture does not say.
        var size: UInt64?
        var result: String
    }

    /// An MSI capability or an MSI-X table after the vectors were set up.
    struct Interrupts: Decodable {
        struct MSI: Decodable { var addr: Hex }
        struct Table: Decodable {
            struct Entry: Decodable { var addr: Hex }
            var table: [Entry]
        }
        var msi: MSI?
        var msix: Table?

        var addresses: [UInt64] {
            (msi.map { [$0.addr.value] } ?? []) + (msix?.table.map(\.addr.value) ?? [])
        }
    }

    var bdf: String
    var group: Int
    var kind: String
    var err: String?
    var groupFlags: Hex?
    var infoFlags: Hex?
    var iovaPgsizes: Hex?
    var iovaRanges: [[Hex]]?
    var iovaRangesAfter: [[Hex]]?
    var pageSize: UInt64?
    var mapTests: [MapTest]?
    var msiSetIrqs: String?
    var msixSetIrqs: String?
    var msiCfg: [String: Interrupts]?
    var msixCfg: [String: Interrupts]?
    var ioasRangesEmpty: [[Hex]]?
    var alignEmpty: Hex?
    var ioasRangesAttached: [[Hex]]?
    var alignAttached: Hex?

    /// Through a character device and an IOAS, not through a container.
    var isCharacterDevice: Bool { ioasRangesEmpty != nil }
}

/// A number that the capture spells `0x...`.
struct Hex: Decodable, Hashable {
    var value: UInt64

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard text.hasPrefix("0x"), let value = UInt64(text.dropFirst(2), radix: 16) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "\(text) is no hex number"))
        }
        self.value = value
    }
}
