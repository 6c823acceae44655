// What the codes of single mistakes mean: those of `errors` in a problem, each with the page /problems/CODE.
// The sentence about one mistake is written where it is found; here is what holds for every one of its kind.
// A test compares this list with the codes that the sources note.

/// Codes of members of `errors`.
package enum FieldCodes {
    /// What a caller does about a mistake of this code; nil for a code that there is not.
    package static func advice(_ code: String) -> String? { all[code] }

    package static let all: [String: String] = [
        "backwards": "Send a range whose end is not below its start; ends are inclusive.",
        "bad-id": "Choose an id that can stand in a path: the detail says of which characters.",
        "conflict": "Leave one of the two members out: together they say two things.",
        "control-character": "Leave control characters out of names and other lines of text.",
        "duplicate-id": "Give each element an id of its own, or leave the repetition out.",
        "duplicate-key": "Send each key of an object once.",
        "empty": "Send at least one element.",
        "empty-pool":
            "Name a pool that a platform has as its label `pool`: GET /v1/platforms?label=pool lists them.",
        "full-space": "Send a smaller region: one of all 64-bit addresses leaves nothing to decide.",
        "granule-above-page": "Send a granule that is not larger than the CPU's page.",
        "inconsistent":
            "Write the part once more with `iovad survey --partial`: its counts do not fit together.",
        "invalid-value": "Correct the parameter of the query; the detail says what it takes.",
        "negative": "Send 0 or more.",
        "nested": "Send a window source of another kind inside this one.",
        "no-devices": "Name a machine with an active device behind an SMMU.",
        "no-rendering":
            "Ask for one of the formats that `renderings` of the answer lists; the detail says what this one lacks.",
        "not-a-list": "Send the list in a JSON body; a query has none.",
        "not-a-number": "Send a decimal number as a string.",
        "not-a-power-of-two": "Send a power of two.",
        "not-a-size":
            "Send bytes as a number, as hex, or as a size like 64K, 1.5G or 4GiB: suffixes are powers of 1024.",
        "not-aligned": "Send an address that is a multiple of the page.",
        "not-an-integer": "Send an integer, without a fraction or an exponent.",
        "not-for-consumer": "Leave the member out, or ask for a consumer that has it.",
        "not-for-surveys": "Leave the member out: it counts for placements only.",
        "not-for-view": "Leave the parameter out, or ask for the view that it concerns.",
        "not-hex": "Send a hex string that starts with 0x, or a JSON integer.",
        "not-mapped": "Name a mapping that still exists.",
        "not-packed": "Send the packed numbers as GET .../state writes them.",
        "not-translated": "Create a domain that translates: this one allocates nothing.",
        "odd-count": "Send an even count of numbers: they are pairs.",
        "out-of-range": "Send a value within the bounds that the detail names.",
        "repeated-parameter": "Send each parameter of the query once.",
        "required": "Send the member that is missing.",
        "reversed-range": "Send a range whose end is not below its start.",
        "too-large": "Send a number of at most 64 bits; above 2^53-1 as a hex string.",
        "too-long": "Send a shorter text; the detail names the limit.",
        "too-many": "Send fewer elements; the detail names the limit.",
        "unknown-device": "Name a device of the platform: its list of devices has the ids.",
        "unknown-field":
            "Leave the member out, or correct its name: unknown ones are refused, so that none is ignored.",
        "unknown-parameter":
            "Leave the parameter out, or correct its name; the detail lists those that there are.",
        "unknown-platform": "Name a platform that there is: GET /v1/platforms lists them.",
        "unknown-reference": "Name something that the same document describes.",
        "unknown-value": "Send one of the values that the detail lists.",
        "wraps": "Send a range that ends below 2^64.",
        "wrong-count": "Send as many elements as the detail says.",
        "wrong-type": "Send a value of the type that the detail names.",
        "zero-mask": "Send a mask with at least one bit.",
        "zero-size": "Send a size of at least one byte.",
    ]
}
