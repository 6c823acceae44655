// Runs a session's log through a fresh domain and says where it leads elsewhere. It knows the JSON of events
// and the allocator, and nothing of sessions.

import AddressSpaces
import Foundation
import IOVAAllocation
import MSIWindows
import Machines

struct SessionLogReplay {
    private var domain = PreparedDevice(Device(id: "none", kind: .platform), under: Conditions())
        .freshDomain(under: Conditions())
    /// How each live allocation was made: start to pages, and whether the caches are to get it back.
    private var live: [UInt64: (pages: UInt64, isCached: Bool)] = [:]
    /// Where each revision's allocation or doorbell went.
    private(set) var results: [Int: UInt64] = [:]
    private(set) var faults: [String] = []
    private(set) var count = 0

    mutating func add(_ event: [String: Any]) {
        guard let id = event["id"] as? Int, let name = event["event"] as? String,
            let data = event["data"] as? [String: Any]
        else {
            faults.append("no event: \(event)")
            return
        }
        count += 1
        func number(_ key: String) -> UInt64 {
            UInt64((data[key] as? String ?? "0x0").dropFirst(2), radix: 16) ?? 0
        }
        do {
            switch name {
            case "allocated", "exhausted":
                let found = try allocate(data, number)
                let told = name == "allocated" ? number("iova") : nil
                if found != told { faults.append("\(id): \(data), replay \(String(describing: found))") }
                if let found { results[id] = found }
            case "freed": try free(id, number("start"), number("last"))
            case "doorbell_mapped":
                var ignored = NoRecorder()
                let page = domain.page(
                    for: PhysicalAddress(number("physical")), mask: number("dma_mask"),
                    member: requester(data), recorder: &ignored)
                if page?.iova != number("iova") & ~0xfff { faults.append("\(id): doorbell \(data)") }
                if let page { results[id] = page.iova }
            case "reserved":
                _ = try domain.reserveForReplay(number("start") >> 12, number("last") >> 12)
            case "trimmed": domain.tickForReplay()
            default: break
            }
        } catch {
            faults.append("\(id): \(error)")
        }
    }

    private func requester(_ data: [String: Any]) -> DMADomain.Member {
        let isPCI = data["pci"] as? Bool ?? false
        return DMADomain.Member(
            Device(id: "", kind: isPCI ? .pciFunction : .platform), index: -1)
    }

    private mutating func allocate(
        _ data: [String: Any], _ number: (String) -> UInt64
    ) throws -> UInt64? {
        let bytes = number("size")
        let pages = (bytes + 0xfff) >> 12
        let limit = min(number("limit"), 0xffff_ffff_ffff) >> 12
        let start: UInt64?
        let isCached: Bool
        if data["dma_mask"] != nil {
            var ignored = NoRecorder()
            start =
                domain.allocate(
                    bytes: bytes, mask: number("dma_mask"), for: requester(data), recorder: &ignored)?.value
            isCached = true
        } else {
            isCached = data["cached"] as? Bool ?? false
            let isAligned = data["size_aligned"] as? Bool ?? true
            start = try domain.allocateForReplay(pages, limit, isAligned, isCached).map { $0 << 12 }
        }
        guard let start else { return nil }
        guard live[start] == nil else {
            faults.append("\(start) is given twice")
            return start
        }
        live[start] = (pages, isCached)
        return start
    }

    private mutating func free(_ id: Int, _ start: UInt64, _ last: UInt64) throws {
        guard let made = live.removeValue(forKey: start) else {
            faults.append("\(id): \(start) is freed and does not live")
            return
        }
        try domain.freeForReplay(start >> 12, made.pages, made.isCached)
    }
}

extension DMADomain {
    fileprivate mutating func allocateForReplay(
        _ pages: UInt64, _ limit: UInt64, _ isAligned: Bool, _ isCached: Bool
    ) throws -> UInt64? {
        isCached
            ? try iova.allocateFast(size: pages, limit: limit, flushes: true)
            : try iova.allocate(size: pages, limit: limit, isAligned: isAligned)
    }

    fileprivate mutating func freeForReplay(_ pfn: UInt64, _ pages: UInt64, _ isCached: Bool) throws {
        if isCached { try iova.freeFast(pfn, size: pages) } else { _ = try iova.free(pfn) }
    }

    fileprivate mutating func reserveForReplay(_ lo: UInt64, _ hi: UInt64) throws -> PageFrameRange? {
        try iova.reserve(lo, hi)
    }

    fileprivate mutating func tickForReplay() { iova.tick() }
}
