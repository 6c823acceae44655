// The gzip content coding (RFC 1952) of bytes in memory, by Debian's zlib. For files that are packed
// once and sent often; nothing here streams, and nothing that a client sends is unpacked.

import CZlib

public enum Gzip {
    /// Slowest and smallest: files are packed once, at start.
    static let level: Int32 = 9

    /// The bytes as one gzip member, always the same for the same input and zlib; nil when zlib has no
    /// memory or the input is beyond 1 GiB. O(n).
    public static func packed(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count <= 1 << 30 else { return nil }
        var stream = z_stream()
        guard iovad_gzip_start(&stream, level) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
        let result = bytes.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                // zlib reads only; its field has no const.
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return deflate(&stream, Z_FINISH)
            }
        }
        precondition(result == Z_STREAM_END, "deflate into deflateBound's bytes gave \(result)")
        output.removeLast(Int(stream.avail_out))
        return output
    }

    /// What one gzip member holds; nil when the bytes are anything else, or hold more than `bytesMax`. For
    /// files of this machine. O(n).
    public static func unpacked(_ bytes: [UInt8], bytesMax: Int) -> [UInt8]? {
        guard bytes.count <= 1 << 30, bytesMax < 1 << 30 else { return nil }
        var stream = z_stream()
        guard iovad_gunzip_start(&stream) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        // One more than may be there, so that a longer content shows.
        var output = [UInt8](repeating: 0, count: bytesMax + 1)
        let result = bytes.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return inflate(&stream, Z_FINISH)
            }
        }
        guard result == Z_STREAM_END, stream.avail_in == 0, stream.avail_out > 0 else { return nil }
        output.removeLast(Int(stream.avail_out))
        return output
    }
}
