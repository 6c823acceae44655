// The entrance for AML: a DSDT and its SSDTs, in order, give the host bridges. Nothing is run. A table that
// is not sound is refused as a whole with an offset; a fact that needs running is unknown with an offset.

/// Reads host bridges from AML.
enum AMLReader {
    static let signatures = ["DSDT", "SSDT"]

    struct Content {
        var bridges: [AMLHostBridge] = []
        /// There are more than are read.
        var isCut = false
        /// Tables that are no AML, by their place in what was read.
        var refusals: [Int: AMLRefusal] = [:]
        /// The sound tables' places in what was read, which bridges name by their order.
        var readTables: [Int] = []
    }

    /// Each with its header.
    static func read(_ tables: [[UInt8]]) -> Content {
        let isNarrow = tables.contains { $0.starts(with: Array("DSDT".utf8)) && $0.count > 8 && $0[8] < 2 }
        var model = AMLModel(integerMax: isNarrow ? UInt64(UInt32.max) : .max)
        var content = Content()
        for (place, bytes) in tables.enumerated() {
            do {
                try model.add(bytes)
                content.readTables.append(place)
            } catch {
                content.refusals[place] = error
            }
        }
        model.readBodies()
        content.bridges = model.hostBridges(max: AMLLimits.hostBridgesMax + 1)
        if content.bridges.count > AMLLimits.hostBridgesMax {
            content.bridges.removeLast()
            content.isCut = true
        }
        return content
    }
}
