// What becomes of mappings that user space tries, and whether the MSI window is to blame.

import AddressSpaces

enum MapChecks {
    static func add<R: Recorder>(
        _ check: MapCheck, _ iova: UInt64, _ bytes: UInt64, _ errno: Errno?, window: IOVARange?,
        _ decision: inout Decision, _ recorder: inout R
    ) {
        decision.mapResults.append(
            .init(check: check, iova: errno == nil ? IOVA(iova) : nil, errno: errno))
        let range = IOVARange(start: IOVA(iova), size: bytes)
        guard let errno else {
            recorder.record(
                .mapAllowed, .accepted, candidate: range,
                "\(HexLiteral.text(bytes)) bytes at \(HexLiteral.text(iova)) can be mapped.")
            return
        }
        recorder.record(
            .mapRefused, .rejected, candidate: range,
            "\(HexLiteral.text(bytes)) bytes at \(HexLiteral.text(iova)) are refused: \(errno.rawValue).")
        guard let range, let window, range.overlaps(window) else { return }
        decision.warn(
            .mappingOnWindow,
            "\(range.text) meets the MSI window \(window.text), so guest memory or registers cannot lie there: "
                + "\(errno.rawValue).",
            range: range)
    }
}
