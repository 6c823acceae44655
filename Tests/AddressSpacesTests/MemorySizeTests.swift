// Sizes in every notation that people use, and texts that are not sizes.

import AddressSpaces
import Testing

@Suite struct MemorySizeTests {
    private func size(_ text: String) -> Result<UInt64, MemorySize.Problem> {
        do throws(MemorySize.Problem) {
            return .success(try MemorySize.parse(text.utf8))
        } catch {
            return .failure(error)
        }
    }

    @Test(
        arguments: [
            ("4096", 4096), ("4K", 4096), ("4k", 4096), ("4KB", 4096), ("4kB", 4096), ("4Ki", 4096),
            ("4KiB", 4096), ("4 KiB", 4096), ("4096B", 4096), ("0x1000", 4096), ("0X1000", 4096),
            ("4.0K", 4096),
            ("0.5K", 512), ("1.5G", 3 << 29), ("0.0009765625M", 1024), ("4GB", 4 << 30), ("2T", 2 << 40),
            ("1P", 1 << 50), ("1E", 1 << 60), ("0", 0), ("0K", 0), ("007K", 7168),
            ("15.999999999999999E", nil),
            ("0xffffffffffffffff", .max), ("18446744073709551615", .max), ("15.5E", 31 << 59),
            ("1.500000000000000000000000G", 3 << 29),
        ] as [(String, UInt64?)])
    func sizes(text: String, bytes: UInt64?) {
        #expect(size(text) == bytes.map { .success($0) } ?? .failure(.notWholeBytes), "\(text)")
    }

    @Test(arguments: [
        "", "K", "G4", "x", "4X", "4i", "4iB", "4KBB", "4Kib4", "-4K", "+4K", " 4K", "4K ", "4  K", "4 ",
        "1.K", ".5K",
        "1.5.5K", "1e3", "0x", "0x1g", "0x10K", "4,096", "4_096", "4GBit", "4\u{a0}K", "\u{664}K",
    ])
    func whatIsNone(text: String) { #expect(size(text) == .failure(.notASize), "\(text)") }

    @Test(arguments: [
        "16E", "16384P", "18446744073709551616", "0x10000000000000000", "99999999999999999999T",
    ])
    func whatIsTooLarge(text: String) { #expect(size(text) == .failure(.tooLarge), "\(text)") }

    @Test(arguments: ["0.3K", "1.5", "1.5B", "0.0001K", "1.0000000000000000000001G"])
    func partsOfBytes(text: String) { #expect(size(text) == .failure(.notWholeBytes), "\(text)") }

    /// Eighths of a unit are whole bytes, whatever the unit.
    @Test func fractionsAreExact() {
        for (place, unit) in "KMGTPE".enumerated() {
            let one = UInt64(1) << (UInt64(place + 1) * 10)
            for eighths in 0..<UInt64(64) {
                let text = "\(eighths / 8).\(eighths % 8 * 125)\(unit)"
                let padded = eighths % 8 == 0 ? "\(eighths / 8).000\(unit)" : text
                #expect(size(padded) == .success(one / 8 * eighths), "\(padded)")
            }
        }
    }
}
