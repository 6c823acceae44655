// What all event channels of a service share: how many subscribers there may be, and when one of them is due
// a heartbeat. It has no thread; whoever owns it calls `tick`.

import Locking

/// Subscribers beyond this number are refused.
public struct TooManySubscribers: Error, Hashable, Sendable {
    public let limit: Int
}

/// The subscribers of every channel. `@unchecked Sendable`: every `var` is touched only under `lock`.
public final class EventHub: @unchecked Sendable {
    public let subscribersMax: Int
    public let heartbeatSeconds: Int
    let nowMilliseconds: @Sendable () -> Int64
    private let lock = Lock()
    private var members: [ObjectIdentifier: Member] = [:]

    /// Weak, so that a subscription which never became a stream gives its place back.
    private struct Member {
        weak var subscription: (any HubMember)?
    }

    /// `clock` is monotonic, in milliseconds.
    public init(subscribersMax: Int, heartbeatSeconds: Int, clock: @escaping @Sendable () -> Int64) {
        self.subscribersMax = subscribersMax
        self.heartbeatSeconds = heartbeatSeconds
        nowMilliseconds = clock
    }

    public var subscriberCount: Int { lock.withLock { members.count } }

    /// Sends a comment to every subscriber that has had nothing for `heartbeatSeconds`. To be called about
    /// once a second. O(subscribers).
    public func tick() {
        let now = nowMilliseconds()
        let all = lock.withLock { Array(members.values) }
        let silence = Int64(heartbeatSeconds) * 1000
        for member in all { member.subscription?.beat(now: now, afterMilliseconds: silence) }
    }

    func join(_ member: any HubMember) throws(TooManySubscribers) {
        try lock.withLock { () throws(TooManySubscribers) in
            guard members.count < subscribersMax else { throw TooManySubscribers(limit: subscribersMax) }
            members[ObjectIdentifier(member)] = Member(subscription: member)
        }
    }

    func leave(_ member: ObjectIdentifier) { lock.withLock { members[member] = nil } }
}

/// A subscription, whatever the payload of its channel.
protocol HubMember: AnyObject, Sendable {
    func beat(now: Int64, afterMilliseconds: Int64)
}
