// The first elements of a list in their order, of however many are added, in whatever order they come. Two
// such lists that are merged are the list of all elements, so that parts of a survey can list something and
// stay small.

import AddressSpaces

/// At most `limit` elements, ascending.
public struct FirstOf<Element: Comparable & Sendable>: Sendable {
    public let limit: Int
    /// Whether an element that is there already is kept once more.
    private let keepsEqual: Bool
    public private(set) var elements: [Element] = []

    package init(_ limit: Int, keepsEqual: Bool = false) {
        self.limit = limit
        self.keepsEqual = keepsEqual
    }

    /// Whether an element would be kept; false for most of a long list. O(1).
    func takes(_ element: Element) -> Bool {
        elements.count < limit || elements.last.map { element < $0 } ?? false
    }

    /// O(log n) to find the place, O(n) to put the element there.
    package mutating func add(_ element: Element) {
        guard takes(element) else { return }
        let place = elements.partitioningIndex { element < $0 }
        if !keepsEqual, place > 0, !(elements[place - 1] < element) { return }
        elements.insert(element, at: place)
        if elements.count > limit { elements.removeLast() }
    }

    package mutating func merge(_ other: Self) {
        for element in other.elements { add(element) }
    }
}

extension FirstOf: Equatable where Element: Equatable {}

/// The name of a host, in the order of its bytes: texts that only look alike are two names, and no list
/// depends on which came first.
public struct HostName: Comparable, Sendable {
    public let text: String

    package init(_ text: String) { self.text = text }

    public static func == (one: Self, other: Self) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

    public static func < (one: Self, other: Self) -> Bool {
        one.text.utf8.lexicographicallyPrecedes(other.text.utf8)
    }
}

/// How many hosts, and the first of them by name. Two hosts of one name are counted as two and named once.
public struct NamedHosts: Sendable, Equatable {
    public private(set) var count = 0
    private(set) var first: FirstOf<HostName>

    /// The first names, ascending.
    public var names: [String] { first.elements.map(\.text) }
    package var limit: Int { first.limit }

    package init(namesMax: Int) { first = FirstOf(namesMax) }

    /// As `count` hosts had been added, of which these are named.
    package init(namesMax: Int, count: Int, names: [String]) {
        self.init(namesMax: namesMax)
        self.count = count
        for name in names { first.add(HostName(name)) }
    }

    mutating func add(_ host: HostName) {
        count += 1
        first.add(host)
    }

    mutating func merge(_ other: Self) {
        count += other.count
        first.merge(other.first)
    }
}
