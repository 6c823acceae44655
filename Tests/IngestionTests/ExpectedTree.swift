// The expected analysis of one reference tree, read from the JSON beside it.

import Foundation
import TestSupport

struct ExpectedTree {
    let name: String
    let json: [String: Any]

    static let folder = "data/device-trees"

    static var names: [String] {
        guard SharedShelf.isPresent else { return [] }
        return SharedShelf.names(in: folder).filter { $0.hasSuffix(".dtb") }.map { String($0.dropLast(4)) }
    }

    init(_ name: String) throws {
        self.name = name
        let bytes = SharedShelf.bytes("\(Self.folder)/\(name).json")
        json = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] ?? [:]
    }

    var blob: [UInt8] { SharedShelf.bytes("\(Self.folder)/\(name).dtb") }

    func list(_ key: String) -> [[String: Any]] { json[key] as? [[String: Any]] ?? [] }
}

func number(_ value: Any?) -> UInt64? {
    (value as? String).flatMap { UInt64($0.dropFirst(2), radix: 16) }
}
