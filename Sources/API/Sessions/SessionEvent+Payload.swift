// Events as the streams carry them: encoded when somebody reads them, outside every lock.

public import HTTP
import JSON
public import Sandboxes

extension SessionEvent: EventPayload {
    public var eventName: String { name }

    public func appendData(to bytes: inout [UInt8]) {
        var writer = JSONWriter(reservingBytes: 192)
        writer.object { write(to: &$0) }
        bytes += writer.bytes
    }
}
