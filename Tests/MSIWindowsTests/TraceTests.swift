// Mapping traces put back together: single domains, several at once, and what is odd in them.

import AddressSpaces
import IOVAAllocation
import MSIWindows
import Machines
import TestSupport
import Testing

@Suite struct TraceTests {
    private func map(
        _ line: Int, _ iova: UInt64, _ physical: UInt64, _ size: UInt64 = 0x1000, _ task: String = "t-1"
    )
        -> MappingEvent
    {
        MappingEvent(line: line, task: task, kind: .map(iova: iova, physical: physical, size: size))
    }

    private func unmap(_ line: Int, _ iova: UInt64, _ size: UInt64 = 0x1000, _ task: String = "t-1")
        -> MappingEvent
    {
        MappingEvent(line: line, task: task, kind: .unmap(iova: iova, size: size, unmapped: size))
    }

    private let doorbell = PhysicalAddress(0x809_0040)
    private let page: UInt64 = 0x809_0000

    @Test func doorbellOfOneDomain() throws {
        let events = [
            map(1, 0xffff_f000, 0x4a5c_4000), map(2, 0xffff_e000, 0x4a5c_8000),
            map(3, 0xffff_d000, page), map(4, 0xffff_c000, 0x4a5c_9000),
        ]
        let trace = TraceReconstruction(events, TraceQuestion(doorbells: [doorbell]))
        let domain = try #require(trace.domains.first)
        #expect(trace.domains.count == 1 && domain.kind == .dmaLayer && domain.live == 4)
        let found = try #require(domain.doorbells.first)
        #expect(found.line == 3 && found.iova == IOVA(0xffff_d040) && found.page == IOVA(0xffff_d000))
        #expect(found.precededBy?.line == 2 && found.expected == IOVA(0xffff_d000))
        #expect(domain.oddities.isEmpty && domain.span == IOVARange(proven: 0xffff_c000, 0xffff_ffff))
    }

    @Test func domainsAreToldApart() {
        let events = [
            map(1, 0xffff_f000, page, 0x1000, "a-1"), map(2, 0xffff_f000, page, 0x1000, "b-2"),
            map(3, 0xffff_e000, 0x5000_0000, 0x1000, "a-1"), map(4, 0xffff_e000, 0x6000_0000, 0x1000, "b-2"),
            unmap(5, 0xffff_e000, 0x1000, "b-2"),
            map(6, 0x800_0000, page, 0x1000, "qemu-3"), map(7, 0x4000_0000, 0x5000_0000, 0x20_0000, "qemu-3"),
        ]
        let trace = TraceReconstruction(events, TraceQuestion())
        #expect(trace.isDoorbellGuessed)
        #expect(trace.domains.map(\.kind) == [.dmaLayer, .dmaLayer, .userSpace])
        #expect(trace.domains.map(\.maps) == [2, 2, 2] && trace.domains.map(\.unmaps) == [0, 1, 0])
        #expect(
            trace.domains.flatMap(\.doorbells).map(\.page.value) == [0xffff_f000, 0xffff_f000, 0x800_0000])
        #expect(trace.domains.allSatisfy { $0.oddities.isEmpty })
    }

    /// A device with a 36-bit mask, or a trace that begins late: the DMA layer's, and nothing is predicted.
    @Test(arguments: [0xf_fff3_6000, 0xf_ffa8_8000, 0xfeff_0000, 0xffff_ffff_0000] as [UInt64])
    func addressesBelowAMask(iova: UInt64) {
        let events = [map(1, iova, 0x1_164d_8000), unmap(2, iova), map(3, iova - 0x5000, page)]
        let trace = TraceReconstruction(events, TraceQuestion(doorbells: [doorbell]))
        #expect(trace.domains.map(\.kind) == [.dmaLayer] && trace.domains.allSatisfy { $0.oddities.isEmpty })
        #expect(trace.domains.first?.doorbells.map(\.expected) == [nil])
    }

    @Test func mappingsGoInParts() throws {
        // A block of user space loses a page in its middle, where the doorbell is mapped then.
        let events = [
            map(1, 0x4000_0000, 0x8000_0000, 0x20_0000), unmap(2, 0x4000_1000), map(3, 0x4000_1000, page),
            unmap(4, 0x4000_0000, 0x20_0000),
        ]
        for (count, live) in [(1, 1), (2, 2), (3, 3), (4, 0)] {
            let trace = TraceReconstruction(Array(events[..<count]), TraceQuestion(doorbells: [doorbell]))
            #expect(trace.domains.map(\.live) == [live], "\(count) events")
            #expect(trace.domains.allSatisfy { $0.oddities.isEmpty })
        }
        let whole = TraceReconstruction(events, TraceQuestion(doorbells: [doorbell]))
        let found = try #require(whole.domains.first?.doorbells.first)
        #expect(found.iova.value == 0x4000_1040 && found.precededBy?.line == 1)
        // What was really unmapped counts: a whole block for one page of it, half of it, nothing.
        for (unmapped, live) in [(0x20_0000, 0), (0x10_0000, 1), (0, 1)] as [(UInt64, Int)] {
            let trace = TraceReconstruction(
                [
                    events[0],
                    MappingEvent(
                        line: 2, task: "t-1",
                        kind: .unmap(iova: 0x4000_0000, size: 0x1000, unmapped: unmapped)),
                ], TraceQuestion())
            #expect(trace.domains.map(\.live) == [live], "\(unmapped)")
            #expect(trace.domains[0].oddities.map(\.reason) == (unmapped == 0 ? [.unmappedWithoutMap] : []))
        }
        // The part that stays is mapped.
        let again = TraceReconstruction(
            [events[0], unmap(2, 0x4000_0000, 0x1000), map(3, 0x4000_1000, page)],
            TraceQuestion(doorbells: [doorbell]))
        #expect(again.domains.count == 2)
    }

    @Test func piecesOfOneBufferAreOneAllocation() {
        // Five pages in three pieces take eight, at a multiple of eight.
        let events = [
            map(1, 0xffff_8000, 0x1000_0000, 0x2000), map(2, 0xffff_a000, 0x2000_0000, 0x2000),
            map(3, 0xffff_c000, 0x3000_0000, 0x1000), map(4, 0xffff_7000, page),
        ]
        let trace = TraceReconstruction(events, TraceQuestion(doorbells: [doorbell]))
        #expect(trace.domains.count == 1 && trace.domains[0].oddities.isEmpty, "\(trace.domains)")
        #expect(trace.domains[0].doorbells.first?.expected == IOVA(0xffff_7000))
    }

    @Test func odditiesAreNamed() {
        let device = Device(
            id: "d", kind: .pciHost, dmaLimit: 0xff_ffff_ffff,
            pciWindows: [
                PCIWindow(
                    kind: .memory, busStart: 0x1000_0000, cpuStart: 0x1000_0000, size: 0x1000_0000,
                    is64Bit: false, isPrefetchable: false)
            ])
        func reasons(_ events: [MappingEvent]) -> [TracedDomain.Oddity.Reason] {
            let question = TraceQuestion(device: device, doorbells: [doorbell])
            return TraceReconstruction(events, question).domains.flatMap(\.oddities).map(\.reason)
        }
        #expect(
            reasons([map(1, 0xffff_f000, 0x4000_0000), map(2, 0x1000_0000, 0x5000_0000)]) == [
                .notPredicted, .withheld,
            ])
        #expect(reasons([map(1, 0x1800_0000, 0x5000_0000)]) == [.withheld])
        #expect(reasons([map(1, 0x100_0000_0000, 0x5000_0000)]) == [.aboveDMALimit])
        #expect(reasons([map(1, 0x1_0000_0000_0000, 0x5000_0000)]).contains(.beyondAperture))
        #expect(reasons([map(1, 0x4000_0800, 0x5000_0000, 0x800)]) == [.notAligned])
        #expect(reasons([unmap(1, 0x4000_0000)]) == [])
        #expect(reasons([map(1, 0xffff_f000, page), unmap(2, 0x4000_0000)]) == [.unmappedWithoutMap])
        #expect(
            reasons([map(1, 0xffff_f000, page), unmap(2, 0xffff_f000), map(3, 0xfff0_0000, 0x4000_0000)])
                == [])
    }

    /// What an allocator really did, traced: nothing is odd, whatever the sizes, until something is freed.
    @Test func allocatorsAreFollowed() throws {
        var random = SeededGenerator.forTest("traces", fallback: 0x7ace)
        for _ in 0..<200 {
            var allocator = IOVADomain(granule: .kib4, startPFN: 1)
            var events: [MappingEvent] = []
            for line in 1...Int.random(in: 1...40, using: &random) {
                let pages = UInt64.random(in: 1...40, using: &random)
                guard let pfn = try allocator.allocateFast(size: pages, limit: 0xfffff, flushes: false) else {
                    break
                }
                events.append(map(line, pfn << 12, UInt64(line) << 30, pages << 12))
            }
            let trace = TraceReconstruction(events, TraceQuestion(doorbells: [doorbell]))
            #expect(trace.domains.count == 1 && trace.domains[0].maps == events.count)
            // Pieces that touch upwards by chance are taken for one buffer; that is all that may be odd.
            let touching = zip(events, events.dropFirst()).contains { a, b in
                guard case .map(let low, _, let size) = a.kind, case .map(let high, _, _) = b.kind else {
                    return false
                }
                return low + size == high
            }
            #expect(touching || trace.domains[0].oddities.isEmpty, "\(trace.domains[0].oddities)")
        }
    }

    @Test func wildTracesEnd() {
        var random = SeededGenerator.forTest("wild traces", fallback: 0x11d)
        for _ in 0..<200 {
            let events = (1...200).map { line -> MappingEvent in
                let iova = random.edgeBiased()
                let size = max(1, min(random.edgeBiased() >> 8, .max - iova))
                return Bool.random(using: &random)
                    ? map(line, iova, random.edgeBiased() >> 1, size) : unmap(line, iova, size)
            }
            let trace = TraceReconstruction(events, TraceQuestion(doorbells: [doorbell]))
            #expect(trace.domains.count <= TraceReconstruction.domainsMax)
        }
        let many = (1...500).map { map($0, 0xffff_f000, 0x4000_0000) }
        let trace = TraceReconstruction(many, TraceQuestion())
        #expect(trace.domains.count == TraceReconstruction.domainsMax && trace.mapsDropped == 500 - 64)
    }
}
