// What real kernels did, held against what the product predicts from the same inputs: the evidence that the
// model is Linux's. Captures are found on the shelf; nothing here knows one by name.

import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct CaptureTests {
    @Test func everyCaptureIsPredicted() throws {
        var equal = 0
        var compared = 0
        let names = Capture.names
        for name in names {
            let ledger = try Self.check(name)
            compared += ledger.compared
            if ledger.differences.isEmpty { equal += 1 }
            for line in ledger.differences { print("DIFFERENT \(line)") }
            #expect(ledger.differences.isEmpty, "\(name): \(ledger.differences.count) differences")
            #expect(ledger.compared > 0, "\(name): nothing was compared")
        }
        print("captures: \(names.count) checked, \(equal) equal (\(compared) comparisons)")
        #expect(names.count >= 60, "the shelf lost captures")
    }

    /// The harness can fail: a prediction that is off by a page is reported with place, expected and got.
    @Test func aWrongPredictionIsReported() {
        var ledger = Ledger()
        ledger.expect(UInt64(0xffff_f040), UInt64(0xffff_e040), "capture", "0000:00:01.0", "MSI address")
        ledger.expect(1, 1, "capture", "0000:00:01.0", "equal")
        #expect(ledger.compared == 2)
        #expect(
            ledger.differences == [
                "capture 0000:00:01.0 MSI address: the kernel says 4294963264, predicted 4294959168"
            ])
    }

    private static func check(_ name: String) throws -> Ledger {
        var ledger = Ledger()
        let capture = try Capture(name)
        capture.checkCrash(&ledger)
        guard !capture.crashed else { return ledger }
        try capture.checkReplays(&ledger)
        capture.checkReservedRegions(&ledger)
        try capture.checkDMADomains(&ledger)
        capture.checkVFIO(&ledger)
        return ledger
    }
}
