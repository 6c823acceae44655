// A whole session as plain values, for export and import. What comes in is a caller's data: a snapshot that
// no sequence of verbs leads to is refused with the place of the contradiction.

public import AddressSpaces
public import IOVAAllocation
public import LinuxReleases
import MSIWindows

/// Everything that decides what a session answers next; its life time aside.
public struct SessionSnapshot: Sendable {
    public struct Domain: Sendable {
        public var setup: DomainSetup
        public var devices: [SessionDevice] = []
        /// DMA domains only: the others' regions are their devices'.
        public var regions: [SessionRegion] = []
        /// DMA domains only: doorbell pages as they were mapped.
        public var doorbells: [DoorbellPage] = []
        public var allocator: Allocator?
        /// Other domains: mapped ranges, ascending.
        public var mappings: [IOVARange] = []
        /// Other domains: doorbells as they were set up.
        public var interrupts: [Interrupt] = []

        public init(setup: DomainSetup) { self.setup = setup }
    }

    public struct DoorbellPage: Hashable, Sendable {
        public var physical: UInt64
        public var iova: UInt64

        public init(physical: UInt64, iova: UInt64) {
            self.physical = physical
            self.iova = iova
        }
    }

    public struct Interrupt: Hashable, Sendable {
        public var physical: UInt64
        /// Index of the device.
        public var device: Int

        public init(physical: UInt64, device: Int) {
            self.physical = physical
            self.device = device
        }
    }

    /// A held range that is no plain allocation.
    public struct Note: Hashable, Sendable {
        public enum Kind: String, CaseIterable, Sendable { case reserved, doorbell, cached, parked }

        public var kind: Kind
        /// Last page frame of the range.
        public var hi: UInt64
        /// Pages as handed out; at least 1.
        public var pages: UInt64

        public init(kind: Kind, hi: UInt64, pages: UInt64) {
            self.kind = kind
            self.hi = hi
            self.pages = pages
        }
    }

    public struct Allocator: Sendable {
        public var state: IOVASnapshot
        /// Ascending.
        public var notes: [Note]
        /// Hardware MSI regions, in whole pages.
        public var hardware: [IOVARange]
        /// Members that no longer try below 4 GiB; -1 for requesters that are not attached.
        public var givenUp: [Int]
        /// What the set-up failed with.
        public var errno: Errno?

        public init(
            state: IOVASnapshot, notes: [Note], hardware: [IOVARange], givenUp: [Int], errno: Errno?
        ) {
            self.state = state
            self.notes = notes
            self.hardware = hardware
            self.givenUp = givenUp
            self.errno = errno
        }
    }

    /// One page of the doorbell map of the session's iommufd context.
    public struct ContextPage: Hashable, Sendable {
        public var window: UInt64
        public var physical: UInt64
        public var number: UInt64

        public init(window: UInt64, physical: UInt64, number: UInt64) {
            self.window = window
            self.physical = physical
            self.number = number
        }
    }

    /// A contradiction.
    public enum Fault: Error, Hashable, Sendable {
        /// Of the domain at this index.
        case allocator(domain: Int, IOVASnapshot.Fault)
        /// A member of the domain at this index, by its name on the wire, and what is wrong with it.
        case domain(Int, member: String, String)
        case context(String)
        case refused(domain: Int, SessionRefusal)
    }

    public var id: String
    public var kernel: KernelRelease
    public var revision: UInt64
    public var ttlSeconds: Int
    public var context: [ContextPage]
    public var domains: [Domain]

    public init(
        id: String, kernel: KernelRelease, revision: UInt64, ttlSeconds: Int, context: [ContextPage],
        domains: [Domain]
    ) {
        self.id = id
        self.kernel = kernel
        self.revision = revision
        self.ttlSeconds = ttlSeconds
        self.context = context
        self.domains = domains
    }
}
