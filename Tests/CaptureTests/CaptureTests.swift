// What real kernels did, held against what the product predicts from the same inputs: the evidence that the
// model is Linux's. Captures are found on the shelf; nothing here knows one by name.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct CaptureTests {
    /// What the captures must have let us compare, so that no field can fall out of the test unnoticed.
    static let kinds = [
        "IOAS alignment", "IOAS ranges", "IOVA ranges", "IOVA ranges afterwards", "MSI address",
        "MSI address after rebinding", "address", "crash at boot", "default DMA mask bits",
        "doorbell pages mapped", "first device", "granule", "is translated", "limits tried", "mapping",
        "page sizes", "possible MSI address", "possible regions", "refusal", "replayed address",
        "reserve calls", "reserved_regions",
        "setting up interrupts", "start_pfn", "untranslated MSI address",
    ]

    @Test func everyCaptureIsPredicted() throws {
        var equal = 0
        var all = Ledger()
        let names = Capture.names
        for name in names {
            let ledger = try Self.check(try Capture(name))
            all.merge(ledger)
            if ledger.differences.isEmpty { equal += 1 }
            for line in ledger.differences { print("DIFFERENT \(line)") }
            #expect(ledger.differences.isEmpty, "\(name): \(ledger.differences.count) differences")
            #expect(ledger.total > 0, "\(name): nothing was compared")
        }
        print("captures: \(names.count) checked, \(equal) equal (\(all.total) comparisons)")
        #expect(names.count >= 60, "the shelf lost captures")
        for kind in Self.kinds { #expect(all.compared[kind, default: 0] > 0, "no \(kind) compared") }
    }

    /// A fact that the test asks under, changed.
    enum Change: CaseIterable {
        case forcedac, aperture, pageSize, kernel, passthrough

        func apply(to conditions: inout Conditions) {
            switch self {
            case .forcedac: conditions.forcesDAC.toggle()
            case .aperture: conditions.aperture = IOVARange(proven: 0, conditions.aperture.last.value >> 1)
            case .pageSize: conditions.pageSize = conditions.pageSize == .kib64 ? .kib4 : .kib64
            case .kernel: conditions.kernel = conditions.kernel == .v6_1 ? .v7_2 : .v6_1
            case .passthrough:
                let isIdentity = conditions.defaultDomain == .identity
                conditions.defaultDomain = isIdentity ? .translated : .identity
            }
        }
    }

    /// The harness can fail: asked under another condition, the captures disagree.
    @Test(arguments: Change.allCases)
    func wrongFactsAreNoticed(change: Change) throws {
        var noticed = 0
        for name in Capture.names {
            var capture = try Capture(name)
            guard !capture.crashed else { continue }
            change.apply(to: &capture.conditions)
            if !(try Self.check(capture)).differences.isEmpty { noticed += 1 }
        }
        #expect(noticed > 0, "no capture depends on \(change)")
    }

    /// A difference names place, expected and got on one line.
    @Test func aDifferenceIsOneLine() {
        var ledger = Ledger()
        ledger.expect("a\nb\n", "a\n", "capture", "group 3", "reserved_regions")
        ledger.expect(1, 1, "capture", "0000:00:01.0", "mapping 0x8000000")
        #expect(ledger.compared == ["reserved_regions": 1, "mapping": 1])
        #expect(
            ledger.differences == [
                "capture group 3 reserved_regions: the kernel says a | b | , predicted a"
            ])
    }

    private static func check(_ capture: Capture) throws -> Ledger {
        var ledger = Ledger()
        capture.checkCrash(&ledger)
        guard !capture.crashed else { return ledger }
        var capture = capture
        if capture.truth.iommu?.virtio != nil {
            capture.checkUndecided(&ledger)
            capture = try capture.withLists()
        }
        try capture.checkReplays(&ledger)
        capture.checkReservedRegions(&ledger)
        try capture.checkDMADomains(&ledger)
        capture.checkVFIO(&ledger)
        return ledger
    }
}

struct Ledger {
    /// Comparisons by what was compared, without numbers.
    private(set) var compared: [String: Int] = [:]
    private(set) var differences: [String] = []

    var total: Int { compared.values.reduce(0, +) }

    mutating func expect<Value: Equatable>(
        _ expected: Value, _ got: Value, _ capture: String, _ place: String, _ what: String
    ) {
        compared[
            what.split(separator: " ").filter { !$0.hasPrefix("0x") }.joined(separator: " "), default: 0] += 1
        guard expected != got else { return }
        let line = "\(capture) \(place) \(what): the kernel says \(expected), predicted \(got)"
        differences.append(line.split(separator: "\n").joined(separator: " | "))
    }

    mutating func merge(_ other: Ledger) {
        compared.merge(other.compared, uniquingKeysWith: +)
        differences += other.differences
    }
}
