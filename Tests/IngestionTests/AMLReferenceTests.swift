// DSDTs of shipping laptops: every host bridge's `_CRS` equals, byte for byte, what an interpreter returned.

import Foundation
import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLReferenceTests {
    static let folder = "data/acpi-dsdt"

    /// File, bridge, and the bytes in hex; nil where the value has to be evaluated.
    private typealias Expected = [String: [String: [String: String?]]]

    static let isThere: Bool = {
        let file = SharedShelf.root?.appendingPathComponent("\(folder)/expected.json").path
        let isThere = file.map(FileManager.default.fileExists(atPath:)) ?? false
        if !isThere { print("SKIPPED: no DSDTs in \(folder) of the shelf") }
        return isThere
    }()

    private static let expected: Expected = {
        guard isThere else { return [:] }
        return try! JSONDecoder().decode(
            Expected.self, from: Data(SharedShelf.bytes("\(folder)/expected.json")))
    }()

    static var names: [String] { expected.keys.sorted() }

    @Test(.enabled(if: isThere), arguments: names) func resourcesAreEqual(name: String) throws {
        let content = AMLReader.read([SharedShelf.bytes("\(Self.folder)/\(name)")])
        #expect(content.refusals.isEmpty)
        let wanted = try #require(Self.expected[name])
        // A touch screen whose `_HID` and `_CRS` are computed may be anything.
        let sure = content.bridges.filter { $0.doubt == nil }
        #expect(sure.count == wanted.count && content.bridges.count <= sure.count + 1)
        for bridge in sure {
            let own = String(bridge.path.split(separator: ".").last ?? "")
            let answer = try #require(wanted[own], "\(bridge.path) is not expected")
            if let bytes = answer["crs"] ?? nil {
                #expect(bridge.resources.value?.hexDigits == bytes, "\(bridge.path)")
                #expect(throws: Never.self) { try ResourceTemplate(bridge.resources.value ?? []) }
            } else {
                guard case .unknown(let refusal) = bridge.resources else {
                    Issue.record("\(bridge.path) has to be evaluated")
                    continue
                }
                #expect(refusal.offset >= ACPITable.headerBytes)
            }
            #expect(bridge.segment.value == UInt64(own.dropFirst(3)), "\(bridge.path)")
            #expect(bridge.firstBus.value == 0 && bridge.condition == nil)
        }
        print(
            "\(name): \(content.bridges.count) host bridges equal, \(content.bridges.count - sure.count) doubtful"
        )
    }
}
