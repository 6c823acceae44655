// The ids that this server gives to requests whose clients sent none: all of one length, so that one can be
// written over another, and short enough for a string without memory of its own.

/// Ids of requests.
public enum RequestID {
    private static let digitsCount = 13
    /// Of each text.
    public static let byteCount = 2 + digitsCount

    /// `r-0123456789abc`: the lower digits of a number that differs from request to request.
    public static func text(of number: UInt64) -> String {
        String(unsafeUninitializedCapacity: byteCount) { buffer in
            buffer[0] = UInt8(ascii: "r")
            buffer[1] = UInt8(ascii: "-")
            var rest = number
            for place in stride(from: byteCount - 1, to: 1, by: -1) {
                let digit = UInt8(truncatingIfNeeded: rest & 0xf)
                buffer[place] = digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a")
                rest >>= 4
            }
            return byteCount
        }
    }
}
