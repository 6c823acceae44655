// Query parameters that several operations read.

import APIContract
import AddressSpaces
import IOVAAllocation
import MSIWindows
import WireJSON

extension Service {
    func pageLimit(_ context: RequestContext) throws(Problem) -> Int {
        guard let text = context.parameter("limit") else { return Limits.pageItemsDefault }
        guard let limit = Int(text), (1...Limits.pageItemsMax).contains(limit) else {
            throw .parameters([
                parameter("limit", "\"\(shown(text))\" is no number from 1 to \(Limits.pageItemsMax).")
            ])
        }
        return limit
    }

    /// A page token that counts items.
    func pageOffset(_ context: RequestContext) throws(Problem) -> Int {
        guard let text = context.parameter("page_token") else { return 0 }
        guard let offset = Int(text), (0...Limits.regionsPerPlatformMax).contains(offset) else {
            throw .parameters([parameter("page_token", "This token was not given by next_page_token.")])
        }
        return offset
    }

    func flag(_ name: String, _ context: RequestContext) throws(Problem) -> Bool {
        switch context.parameter(name) {
        case nil, "false": return false
        case "true": return true
        case .some(let text):
            throw .parameters([parameter(name, "\"\(shown(text))\" is neither true nor false.")])
        }
    }

    /// How much of an explanation is told.
    enum Explain: String, CaseIterable {
        case none, summary, full
    }

    func explainLevel(_ context: RequestContext, default level: Explain) throws(Problem) -> Explain {
        guard let text = context.parameter("explain") else { return level }
        guard let level = Explain(rawValue: text) else {
            throw .parameters([parameter("explain", "\"\(shown(text))\" is not one of none, summary, full.")])
        }
        return level
    }

    func parameter(_ name: String, _ detail: String) -> JSONProblem {
        JSONProblem(pointer: "?\(name)", code: "invalid-value", detail: detail)
    }

    /// A caller's text, cut for a message.
    func shown(_ text: String) -> String { text.utf8.count <= 64 ? text : String(text.prefix(64)) + "..." }

    /// The conditions of a view, every mistake noted.
    func conditions(_ context: RequestContext, _ errors: inout [JSONProblem]) -> Conditions {
        var conditions = Conditions()
        if let text = context.parameter("kernel") {
            if let kernel = KernelRelease(rawValue: text) {
                conditions.kernel = kernel
            } else {
                let known = KernelRelease.allCases.map(\.rawValue).joined(separator: ", ")
                errors.append(parameter("kernel", "\"\(shown(text))\" is not modelled; known are \(known)."))
            }
        }
        if let bytes = number("page_size", context, &errors) {
            if let size = WireWords.pageSizes.first(where: { $0.bytes == bytes }) {
                conditions.pageSize = size
            } else {
                errors.append(parameter("page_size", "arm64 has pages of 0x1000, 0x4000 and 0x10000 bytes."))
            }
        }
        if let text = context.parameter("aperture_bits") {
            if let bits = Int(text), Conditions.apertureBitsBounds.contains(bits) {
                conditions.aperture = Conditions(apertureBits: bits).aperture
            } else {
                let bounds = Conditions.apertureBitsBounds
                errors.append(
                    parameter("aperture_bits", "Send \(bounds.lowerBound) to \(bounds.upperBound)."))
            }
        }
        return conditions
    }

    func windowSource(_ context: RequestContext, _ errors: inout [JSONProblem]) -> WindowSource {
        guard let text = context.parameter("window_source") else { return .fixed }
        if let source = WireWords.sources.first(where: { $0.word == text }) { return source.value }
        let known = WireWords.sources.map(\.word).joined(separator: ", ")
        errors.append(parameter("window_source", "\"\(shown(text))\" is not one of \(known)."))
        return .fixed
    }

    /// A 64-bit number: hex with 0x, or a decimal integer up to 2^53-1.
    func number(_ name: String, _ context: RequestContext, _ errors: inout [JSONProblem]) -> UInt64? {
        guard let text = context.parameter(name) else { return nil }
        if let value = try? HexLiteral.parse(Array(text.utf8)) { return value }
        if let value = UInt64(text), value <= JSONNode.exactIntegerMax, !text.hasPrefix("+") { return value }
        errors.append(parameter(name, "\"\(shown(text))\" is no number; send hex like 0x100000."))
        return nil
    }
}
