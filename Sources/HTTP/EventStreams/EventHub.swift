// What all event channels of a service share: how many subscribers there may be, and when one of them is due
// a heartbeat. It has no thread; whoever owns it calls `tick`.

import Locking

/// Subscribers beyond this number are refused.
public struct TooManySubscribers: Error, Hashable, Sendable {
    public let limit: Int
    /// Whether it is the limit of one client; otherwise that of all.
    public var isOfClient = false
}

/// The subscribers of every channel. `@unchecked Sendable`: every `var` is touched only under `lock`.
public final class EventHub: @unchecked Sendable {
    public let subscribersMax: Int
    /// Of one client.
    public let perClientMax: Int
    public let heartbeatSeconds: Int
    let nowMilliseconds: @Sendable () -> Int64
    private let lock = Lock()
    private var members: [ObjectIdentifier: Member] = [:]
    private var clients = ClientCounts()

    /// Weak, so that a subscription which never became a stream gives its place back.
    private struct Member {
        weak var subscription: (any HubMember)?
        let client: String
    }

    /// `clock` is monotonic, in milliseconds.
    public init(
        subscribersMax: Int, perClientMax: Int = .max, heartbeatSeconds: Int,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.subscribersMax = subscribersMax
        self.perClientMax = perClientMax
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

    func join(_ member: any HubMember, of client: String) throws(TooManySubscribers) {
        try lock.withLock { () throws(TooManySubscribers) in
            guard members.count < subscribersMax else { throw TooManySubscribers(limit: subscribersMax) }
            guard clients.add(client, most: perClientMax) else {
                throw TooManySubscribers(limit: perClientMax, isOfClient: true)
            }
            members[ObjectIdentifier(member)] = Member(subscription: member, client: client)
        }
    }

    func leave(_ member: ObjectIdentifier) {
        lock.withLock {
            if let gone = members.removeValue(forKey: member) { clients.remove(gone.client) }
        }
    }
}

/// A subscription, whatever the payload of its channel.
protocol HubMember: AnyObject, Sendable {
    func beat(now: Int64, afterMilliseconds: Int64)
}
