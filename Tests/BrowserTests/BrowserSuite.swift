// The browser tests run one after the other: two cores do not hold two browsers and a server each.

import Testing

@Suite(.serialized, .enabled(if: Browser.isPresent, "chromium and chromium-driver are not installed"))
struct BrowserSuite {}
