// Members in one call, which is how nearly all are written.

extension JSONWriter {
    public mutating func member(_ name: String, _ text: String) {
        key(name)
        string(text)
    }

    public mutating func member(_ name: String, hex value: UInt64) {
        key(name)
        hex(value)
    }

    public mutating func member(_ name: String, _ value: Int) {
        key(name)
        int(value)
    }

    public mutating func member(_ name: String, _ flag: Bool) {
        key(name)
        bool(flag)
    }

    public mutating func member(_ name: String, orNull text: String?) {
        key(name)
        if let text { string(text) } else { null() }
    }

    public mutating func member(_ name: String, strings: [String]) {
        array(name) { writer in strings.forEach { writer.string($0) } }
    }

    public mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        object(body)
    }

    public mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        array(body)
    }

    /// `"start"`, `"last"` and, unless it is 2^64, `"size"`.
    public mutating func rangeMembers(start: UInt64, last: UInt64) {
        member("start", hex: start)
        member("last", hex: last)
        let (size, isFull) = (last - start).addingReportingOverflow(1)
        if !isFull { member("size", hex: size) }
    }
}
