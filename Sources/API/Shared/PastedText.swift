// A text that somebody pastes to be explained: read, or refused with what one line of it looks like and where
// other bytes belong. The operations share this; what they do with the content is theirs.

import Ingestion

/// What a reader found in such a text.
protocol PastedContent {
    static var form: PastedForm { get }
    static func read(_ text: [UInt8]) throws(TextError) -> Self
    /// Whether nothing was found that the operation explains.
    var isEmpty: Bool { get }
    var linesRead: Int { get }
    /// What the text holds instead, as a sentence.
    var remark: String? { get }
}

/// How the refusals speak of a kind of text.
struct PastedForm {
    let kind: InputKind
    /// "log", "trace".
    let noun: String
    /// What one of it is: "fault of arm-smmu".
    let element: String
    /// A line that is one.
    let example: String
}

extension Service {
    /// The content of a text.
    ///
    /// - Throws: 422 when it cannot be read, or holds nothing that is asked for.
    func pasted<Content: PastedContent>(_ text: [UInt8]) throws(Problem) -> Content {
        let form = Content.form
        let content: Content
        do {
            content = try Content.read(text)
        } catch {
            throw Problem(.unreadableInput, "The \(form.noun) cannot be read: \(error.reason).")
        }
        guard content.isEmpty else { return content }
        throw Problem(
            .unreadableInput,
            "Found no \(form.element) (lines read: \(content.linesRead)); one looks like \"\(form.example)\"."
                + (content.remark.map { " " + $0 } ?? "") + elsewhere(text, than: form.kind))
    }
}

extension FaultLog.Content: PastedContent {
    static let form = PastedForm(
        kind: .faultLog, noun: "log", element: "fault of arm-smmu or arm-smmu-v3",
        example: "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x40, ...")
    static func read(_ text: [UInt8]) throws(TextError) -> Self { try FaultLog.read(text) }
    var isEmpty: Bool { faults.isEmpty }
    var remark: String? { foreign }
}

extension MapFailureLog.Content: PastedContent {
    static let form = PastedForm(
        kind: .mapFailures, noun: "text", element: "failed map of VFIO or iommufd",
        example: "vfio_dma_map(0x5585, 0x40000000, 0x1000000, 0x7f51) = -22 (Invalid argument)")
    static func read(_ text: [UInt8]) throws(TextError) -> Self { try MapFailureLog.read(text) }
    var isEmpty: Bool { failures.isEmpty }
    var remark: String? { nil }
}

extension TraceText.Content: PastedContent {
    static let form = PastedForm(
        kind: .trace, noun: "trace", element: "event iommu:map or iommu:unmap",
        example: "a-1 [000] 5.8: map: IOMMU: iova=0xfffff000 - 0x100000000 paddr=0x8090000 size=4096")
    static func read(_ text: [UInt8]) throws(TextError) -> Self { try TraceText.read(text) }
    var isEmpty: Bool { events.isEmpty }
    var remark: String? { nil }
}
