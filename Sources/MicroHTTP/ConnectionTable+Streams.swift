// The streams among the connections: who must be told that the server stops, and whose client has gone while
// libmicrohttpd, for which a suspended connection does not exist, could not see it.

import Glibc
import Locking

extension ConnectionTable {
    /// Requests in flight whose answer is a stream.
    var streamCount: Int { lock.withLock { streams.count } }

    /// Returns the streams that must be asked to finish; later ones are told so when they begin.
    func startDraining() -> [StreamBody] {
        lock.withLock {
            defer { draining = true }
            return draining ? [] : Array(streams.values)
        }
    }

    /// Returns the streams that must be cut; later ones are told so when they begin.
    func startCutting() -> [StreamBody] {
        lock.withLock {
            cutting = true
            return Array(streams.values)
        }
    }

    /// Returns what a stream that begins now has missed.
    func begin(_ stream: StreamBody) -> (mustFinish: Bool, mustEnd: Bool) {
        lock.withLock {
            streams[ObjectIdentifier(stream)] = stream
            return (draining, cutting)
        }
    }

    /// POLLRDHUP, which Glibc shows only to those who define _GNU_SOURCE.
    private var peerClosed: Int16 { 0x2000 }

    /// Resting streams whose client has closed its end, which libmicrohttpd would notice only at the second
    /// write. A client that only stopped sending counts as gone, too: no event-stream client does that.
    func streamsWithoutClient() -> [StreamBody] {
        lock.withLock {
            var resting: [StreamBody] = []
            var polled: [pollfd] = []
            for stream in streams.values {
                // Under the lock, `isOpen` means that the descriptor is still this client's.
                guard let record = stream.record, record.phase == .resting, record.isOpen else { continue }
                resting.append(stream)
                polled.append(pollfd(fd: record.descriptor, events: peerClosed, revents: 0))
            }
            guard !polled.isEmpty, poll(&polled, nfds_t(polled.count), 0) > 0 else { return [] }
            return zip(resting, polled).filter { $0.1.revents != 0 }.map(\.0)
        }
    }
}
