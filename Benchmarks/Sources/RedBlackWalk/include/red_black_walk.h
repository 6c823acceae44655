/* The allocator that the benchmark compares with: what Linux does, written in C from the project's description of
 * it. Held ranges lie in a red-black tree, a request walks down from a cached range one by one, and freed ranges of
 * up to 32 pages stay in magazines of their size. Nothing that answers a client uses it. */

#ifndef RED_BLACK_WALK_H
#define RED_BLACK_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct walk_domain;

/* `above_4g` is the first page frame at 4 GiB, `magazine` how many freed ranges one magazine holds. */
struct walk_domain *walk_domain_make (uint64_t start, uint64_t above_4g, size_t magazine);
void walk_domain_end (struct walk_domain *domain);

/* False when nothing fits below the inclusive `limit`; otherwise `*found` is the first page frame. */
bool walk_allocate (struct walk_domain *domain, uint64_t size, uint64_t limit, bool is_aligned, uint64_t *found);

/* Frees the range that holds `frame`; false when nobody holds it. */
bool walk_free (struct walk_domain *domain, uint64_t frame, uint64_t *first, uint64_t *last);

/* The range that the call leaves, grown or new. Its walk begins at the lowest range of all. */
void walk_reserve (struct walk_domain *domain, uint64_t low, uint64_t high, uint64_t *first, uint64_t *last);

bool walk_allocate_fast (struct walk_domain *domain, uint64_t size, uint64_t limit, bool flushes, uint64_t *found);
void walk_free_fast (struct walk_domain *domain, uint64_t frame, uint64_t size);

/* Ranges that are held, those in magazines included. */
size_t walk_held (const struct walk_domain *domain);

#endif
