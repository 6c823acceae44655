// The walk over a document with simdjson's on-demand parser. It keeps number tokens unread, since which
// numbers are meant is the reader's decision, and checks what simdjson 3.0 leaves open: lone surrogates,
// duplicate keys, depth, and the number of values. No exception leaves this file.

#include "CSimdJSON.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

using namespace simdjson;

namespace {

struct Walk {
    std::vector<iovad_json_node> nodes;
    // A string, which appends a few bytes in a third of the instructions that a vector takes.
    std::string text;
    const char *base = nullptr;
    uint32_t depth_max = 0;
    uint32_t values_max = 0;
    uint32_t position = UINT32_MAX;

    struct Key {
        std::string_view name;
        uint32_t position;
    };

    uint32_t offset(std::string_view token) const { return static_cast<uint32_t>(token.data() - base); }

    // A surrogate half encoded as UTF-8 is ED A0..BF xx; no valid text contains it.
    static bool has_surrogate(std::string_view text) {
        for (size_t i = 0; i + 1 < text.size(); i++) {
            if (static_cast<uint8_t>(text[i]) == 0xED && static_cast<uint8_t>(text[i + 1]) >= 0xA0) return true;
        }
        return false;
    }

    // The grammar of RFC 8259, section 6. Whether the number fits anything is the reader's question.
    static bool is_number(std::string_view token) {
        size_t i = 0;
        const auto digits = [&] {
            const size_t from = i;
            while (i < token.size() && token[i] >= '0' && token[i] <= '9') i++;
            return i - from;
        };
        if (i < token.size() && token[i] == '-') i++;
        const bool zero = i < token.size() && token[i] == '0';
        const size_t whole = digits();
        if (whole == 0 || (zero && whole > 1)) return false;
        if (i < token.size() && token[i] == '.') {
            i++;
            if (digits() == 0) return false;
        }
        if (i < token.size() && (token[i] | 0x20) == 'e') {
            i++;
            if (i < token.size() && (token[i] == '+' || token[i] == '-')) i++;
            if (digits() == 0) return false;
        }
        return i == token.size();
    }

    uint32_t keep(std::string_view piece) {
        const auto at = static_cast<uint32_t>(text.size());
        text.append(piece);
        return at;
    }

    // Keys of the objects that are open, the innermost object's last: one store for the whole walk.
    std::vector<Key> keys;

    // The first key that occurs twice in the innermost object, whose keys begin at `first`.
    iovad_json_status duplicate(size_t first) {
        uint32_t found = UINT32_MAX;
        if (keys.size() - first <= 16) {
            // Most objects are small, and most keys differ in their length or first bytes.
            for (size_t i = first + 1; i < keys.size(); i++) {
                for (size_t j = first; j < i; j++) {
                    if (keys[i].name == keys[j].name) found = std::min(found, keys[i].position);
                }
            }
        } else {
            std::sort(keys.begin() + static_cast<ptrdiff_t>(first), keys.end(), [](const Key &a, const Key &b) {
                return a.name != b.name ? a.name < b.name : a.position < b.position;
            });
            for (size_t i = first + 1; i < keys.size(); i++) {
                if (keys[i].name == keys[i - 1].name) found = std::min(found, keys[i].position);
            }
        }
        keys.resize(first);
        if (found == UINT32_MAX) return IOVAD_JSON_OK;
        position = found;
        return IOVAD_JSON_DUPLICATE_KEY;
    }

    iovad_json_status object(ondemand::object members, uint32_t index, uint32_t depth) {
        const size_t first = keys.size();
        for (auto member : members) {
            ondemand::field field;
            if (std::move(member).get(field)) return IOVAD_JSON_REFUSED;
            const auto key_position = static_cast<uint32_t>(field.key().raw() - base) - 1;
            std::string_view key;
            if (field.unescaped_key().get(key)) return IOVAD_JSON_REFUSED;
            if (has_surrogate(key)) return IOVAD_JSON_REFUSED;
            keys.push_back({key, key_position});
            const uint32_t at = keep(key);
            const auto status = value(field.value(), index, depth + 1, at, static_cast<uint32_t>(key.size()));
            if (status != IOVAD_JSON_OK) return status;
        }
        return duplicate(first);
    }

    iovad_json_status array(ondemand::array elements, uint32_t index, uint32_t depth) {
        for (auto element : elements) {
            ondemand::value child;
            if (std::move(element).get(child)) return IOVAD_JSON_REFUSED;
            const auto status = value(child, index, depth + 1, 0, 0);
            if (status != IOVAD_JSON_OK) return status;
        }
        return IOVAD_JSON_OK;
    }

    iovad_json_status scalar(ondemand::value &value, ondemand::json_type type, iovad_json_node &node) {
        switch (type) {
        case ondemand::json_type::null: {
            bool is_null = false;
            if (value.is_null().get(is_null) || !is_null) return IOVAD_JSON_REFUSED;
            node.kind = IOVAD_JSON_NULL;
            return IOVAD_JSON_OK;
        }
        case ondemand::json_type::boolean: {
            bool flag = false;
            if (value.get_bool().get(flag)) return IOVAD_JSON_REFUSED;
            node.kind = flag ? IOVAD_JSON_TRUE : IOVAD_JSON_FALSE;
            return IOVAD_JSON_OK;
        }
        case ondemand::json_type::number: {
            std::string_view token = value.raw_json_token();
            while (!token.empty() && token.back() <= ' ') token.remove_suffix(1);
            node.kind = IOVAD_JSON_NUMBER;
            node.text_offset = offset(token);
            node.text_length = static_cast<uint32_t>(token.size());
            // The value stays unconsumed: the iteration steps over it without reading the number.
            return is_number(token) ? IOVAD_JSON_OK : IOVAD_JSON_REFUSED;
        }
        case ondemand::json_type::string: {
            std::string_view decoded;
            if (value.get_string().get(decoded) || has_surrogate(decoded)) return IOVAD_JSON_REFUSED;
            node.kind = IOVAD_JSON_STRING;
            node.text_offset = keep(decoded);
            node.text_length = static_cast<uint32_t>(decoded.size());
            return IOVAD_JSON_OK;
        }
        default: return IOVAD_JSON_REFUSED;
        }
    }

    iovad_json_status value(
        ondemand::value value, uint32_t parent, uint32_t depth, uint32_t key_offset, uint32_t key_length) {
        const auto index = static_cast<uint32_t>(nodes.size());
        iovad_json_node node = {};
        node.parent = parent;
        node.position = offset(value.raw_json_token());
        node.key_offset = key_offset;
        node.key_length = key_length;
        position = node.position;
        if (index >= values_max) return IOVAD_JSON_TOO_MANY;
        ondemand::json_type type;
        if (value.type().get(type)) return IOVAD_JSON_REFUSED;
        iovad_json_status status = IOVAD_JSON_OK;
        if (type == ondemand::json_type::object || type == ondemand::json_type::array) {
            if (depth > depth_max) return IOVAD_JSON_TOO_DEEP;
            node.kind = type == ondemand::json_type::object ? IOVAD_JSON_OBJECT : IOVAD_JSON_ARRAY;
            nodes.push_back(node);
            if (index != parent) nodes[parent].count++;
            if (type == ondemand::json_type::object) {
                ondemand::object members;
                if (value.get_object().get(members)) return IOVAD_JSON_REFUSED;
                status = object(members, index, depth);
            } else {
                ondemand::array elements;
                if (value.get_array().get(elements)) return IOVAD_JSON_REFUSED;
                status = array(elements, index, depth);
            }
        } else {
            status = scalar(value, type, node);
            nodes.push_back(node);
            if (index != parent) nodes[parent].count++;
        }
        nodes[index].end = static_cast<uint32_t>(nodes.size());
        return status;
    }
};

// What a thread keeps for the next small document: a parser and its memory cost more to make than a request
// of a few hundred bytes costs to read. It holds nothing of a document once that was freed.
struct Scratch {
    // Documents of more bytes have a parser and a copy of their own, which go with them.
    static constexpr size_t bytes_max = 16 << 10;

    ondemand::parser parser;
    Walk walk;
    bool is_taken = false;
    char padded[bytes_max + SIMDJSON_PADDING];

    padded_string_view copy(const uint8_t *source, size_t length) {
        if (length > 0) std::memcpy(padded, source, length);
        std::memset(padded + length, 0, SIMDJSON_PADDING);
        return padded_string_view(padded, length, sizeof padded);
    }

    void clear() {
        walk.nodes.clear();
        walk.text.clear();
        walk.keys.clear();
        walk.position = UINT32_MAX;
        is_taken = false;
    }
};

// A pointer, so that threads that read no JSON have no scratch.
thread_local std::unique_ptr<Scratch> scratch;

// The thread's scratch, unless the document is large or the scratch is in use.
Scratch *take_scratch(size_t length) {
    if (length > Scratch::bytes_max) return nullptr;
    if (!scratch) scratch.reset(new (std::nothrow) Scratch);
    if (!scratch || scratch->is_taken) return nullptr;
    scratch->is_taken = true;
    return scratch.get();
}

iovad_json_status walk(Walk &walk, ondemand::parser &parser, padded_string_view source) {
    ondemand::document document;
    walk.base = source.data();
    if (const auto error = parser.iterate(source).get(document)) {
        return error == MEMALLOC ? IOVAD_JSON_NO_MEMORY : IOVAD_JSON_REFUSED;
    }
    ondemand::json_type type;
    if (document.type().get(type)) return IOVAD_JSON_REFUSED;
    if (type != ondemand::json_type::object && type != ondemand::json_type::array) return IOVAD_JSON_SCALAR;
    ondemand::value root;
    if (document.get_value().get(root)) return IOVAD_JSON_REFUSED;
    const auto status = walk.value(root, 0, 1, 0, 0);
    if (status != IOVAD_JSON_OK) return status;
    // After the whole document the location is out of bounds; anything else is trailing text.
    const char *after = nullptr;
    return document.current_location().get(after) == OUT_OF_BOUNDS ? IOVAD_JSON_OK : IOVAD_JSON_REFUSED;
}

}  // namespace

extern "C" iovad_json_result iovad_json_parse(
    const uint8_t *source, size_t length, uint32_t depth_max, uint32_t values_max) {
    iovad_json_result result = {};
    result.position = UINT32_MAX;
    Scratch *kept = take_scratch(length);
    auto *state = kept ? &kept->walk : new (std::nothrow) Walk;
    if (state == nullptr) {
        result.status = IOVAD_JSON_NO_MEMORY;
        return result;
    }
    result.is_scratch = kept != nullptr;
    result.owner = kept ? static_cast<void *>(kept) : state;
    try {
        state->depth_max = depth_max;
        state->values_max = values_max;
        // Room for all at once: growing would copy, and touch, every page twice. What stays unused is
        // never touched. A value has at least two bytes, itself and what parts it from the next.
        state->nodes.reserve(std::min<size_t>(values_max, length / 2 + 1));
        state->text.reserve(length);
        if (kept) {
            result.status = walk(*state, kept->parser, kept->copy(source, length));
        } else {
            ondemand::parser parser;
            const padded_string padded(reinterpret_cast<const char *>(source), length);
            result.status = walk(*state, parser, padded);
        }
    } catch (...) {
        result.status = IOVAD_JSON_NO_MEMORY;
    }
    result.position = state->position;
    result.nodes = state->nodes.data();
    result.node_count = state->nodes.size();
    result.text = reinterpret_cast<const uint8_t *>(state->text.data());
    result.text_length = state->text.size();
    return result;
}

extern "C" void iovad_json_free(iovad_json_result result) {
    if (result.is_scratch) {
        static_cast<Scratch *>(result.owner)->clear();
    } else {
        delete static_cast<Walk *>(result.owner);
    }
}
