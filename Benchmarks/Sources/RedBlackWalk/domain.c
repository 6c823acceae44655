/* The allocator over the tree: sections 1 to 5 of the project's description of drivers/iommu/iova.c (Linux 7.2) at
 * the level of the tree, and section 7, one CPU, at the level of the magazines. */

#include "red_black_walk.h"
#include "tree.h"

#include <stdlib.h>

enum { CLASSES = 6, CACHED_PAGES_MAX = 32 };

struct magazine
{
  size_t count;
  struct magazine *below; /* of a depot */
  uint64_t frames[];
};

struct cache
{
  struct magazine *loaded, *previous;
  struct magazine *depot; /* full ones, the newest first */
  struct magazine *spare;
};

struct walk_domain
{
  struct tree tree;
  uint64_t start, above_4g;
  size_t magazine;
  struct node *sentinel, *hint32, *hint64;
  uint64_t memo; /* 32-bit requests of this size or more fail at once */
  struct cache caches[CLASSES];
};

static struct magazine *
make_magazine (const struct walk_domain *domain)
{
  struct magazine *made = malloc (sizeof *made + domain->magazine * sizeof made->frames[0]);

  if (! made)
    abort ();
  made->count = 0;
  made->below = NULL;
  return made;
}

struct walk_domain *
walk_domain_make (uint64_t start, uint64_t above_4g, size_t magazine)
{
  struct walk_domain *domain = calloc (1, sizeof *domain);

  if (! domain)
    abort ();
  domain->start = start;
  domain->above_4g = above_4g;
  domain->magazine = magazine;
  domain->memo = above_4g;
  domain->sentinel = domain->hint32 = domain->hint64 = tree_insert (&domain->tree, UINT64_MAX, UINT64_MAX);
  for (size_t index = 0; index < CLASSES; index++)
    {
      domain->caches[index].loaded = make_magazine (domain);
      domain->caches[index].previous = make_magazine (domain);
    }
  return domain;
}

void
walk_domain_end (struct walk_domain *domain)
{
  for (size_t index = 0; index < CLASSES; index++)
    {
      struct cache *cache = &domain->caches[index];

      while (cache->depot)
        {
          struct magazine *below = cache->depot->below;

          free (cache->depot);
          cache->depot = below;
        }
      free (cache->loaded);
      free (cache->previous);
      free (cache->spare);
    }
  tree_end (&domain->tree);
  free (domain);
}

size_t
walk_held (const struct walk_domain *domain)
{
  return domain->tree.count - 1;
}

/* 2^ceil(log2 size), for 1 ... 2^63. */
static uint64_t
power_of_two (uint64_t size)
{
  return size == 1 ? 1 : (uint64_t) 1 << (64 - __builtin_clzll (size - 1));
}

/* The highest fit below the range `at` and below `bound`, one hole after another. */
static bool
walk_down (const struct node *at, uint64_t bound, uint64_t size, uint64_t mask, uint64_t lowest, uint64_t *found)
{
  for (;;)
    {
      const struct node *below;
      uint64_t frame;

      if (at->low < bound)
        bound = at->low;
      if (bound < size)
        return false;
      frame = (bound - size) & mask;
      /* Lower holes give lower candidates, so none below can do. */
      if (frame < lowest)
        return false;
      below = tree_previous (at);
      if (! below || frame > below->high)
        {
          *found = frame;
          return true;
        }
      at = below;
    }
}

bool
walk_allocate (struct walk_domain *domain, uint64_t size, uint64_t limit, bool is_aligned, uint64_t *found)
{
  uint64_t bound = limit + 1, mask = is_aligned ? ~(power_of_two (size) - 1) : ~(uint64_t) 0;
  bool is_32bit = bound <= domain->above_4g;
  struct node *hint = is_32bit ? domain->hint32 : domain->hint64, *node;
  uint64_t top = hint->high;

  if (is_32bit && size >= domain->memo)
    return false;
  if (! walk_down (hint, bound, size, mask, domain->start, found))
    {
      node = is_32bit ? tree_reaching (&domain->tree, bound) : domain->sentinel;
      if (top >= bound || ! walk_down (node, bound, size, mask, top + 1, found))
        {
          domain->memo = size;
          return false;
        }
    }
  node = tree_insert (&domain->tree, *found, *found + size - 1);
  if (node->high < domain->above_4g)
    domain->hint32 = node;
  else
    domain->hint64 = node;
  return true;
}

bool
walk_free (struct walk_domain *domain, uint64_t frame, uint64_t *first, uint64_t *last)
{
  struct node *node = tree_reaching (&domain->tree, frame), *next;

  if (node == domain->sentinel || node->low > frame)
    return false;
  next = tree_next (node);
  if (node == domain->hint32 || (node->high < domain->above_4g && node->low >= domain->hint32->low))
    domain->hint32 = next;
  if (node->low < domain->above_4g)
    domain->memo = domain->above_4g;
  if (node->low >= domain->hint64->low)
    domain->hint64 = next;
  *first = node->low;
  *last = node->high;
  tree_remove (&domain->tree, node);
  return true;
}

void
walk_reserve (struct walk_domain *domain, uint64_t low, uint64_t high, uint64_t *first, uint64_t *last)
{
  struct node *at = tree_reaching (&domain->tree, 0);

  while (at->high < low)
    at = tree_next (at);
  for (; at->low <= high; at = tree_next (at))
    {
      if (low < at->low)
        at->low = low;
      if (high <= at->high)
        break;
      low = at->high + 1;
    }
  if (at->low > high)
    at = tree_insert (&domain->tree, low, high);
  *first = at->low;
  *last = at->high;
}

static struct cache *
cache_of (struct walk_domain *domain, uint64_t size)
{
  if (size > CACHED_PAGES_MAX)
    return NULL;
  return &domain->caches[size == 1 ? 0 : 64 - __builtin_clzll (size - 1)];
}

static void
swap (struct cache *cache)
{
  struct magazine *loaded = cache->loaded;

  cache->loaded = cache->previous;
  cache->previous = loaded;
}

/* The newest entry of the loaded magazine that is at most `highest`. A miss does not look further. */
static bool
pop (struct cache *cache, uint64_t highest, uint64_t *found)
{
  struct magazine *loaded;

  if (! cache->loaded->count)
    {
      if (cache->previous->count)
        swap (cache);
      else if (cache->depot)
        {
          if (cache->spare)
            free (cache->spare);
          cache->spare = cache->loaded;
          cache->loaded = cache->depot;
          cache->depot = cache->depot->below;
        }
      else
        return false;
    }
  loaded = cache->loaded;
  for (size_t place = loaded->count; place-- > 0;)
    if (loaded->frames[place] <= highest)
      {
        *found = loaded->frames[place];
        loaded->frames[place] = loaded->frames[--loaded->count];
        return true;
      }
  return false;
}

static void
empty (struct walk_domain *domain, struct magazine *magazine)
{
  uint64_t first, last;

  for (size_t index = 0; index < magazine->count; index++)
    walk_free (domain, magazine->frames[index], &first, &last);
  magazine->count = 0;
}

/* Every cached range goes back to the tree. */
static void
flush (struct walk_domain *domain)
{
  for (size_t index = 0; index < CLASSES; index++)
    {
      empty (domain, domain->caches[index].loaded);
      empty (domain, domain->caches[index].previous);
    }
  for (size_t index = 0; index < CLASSES; index++)
    while (domain->caches[index].depot)
      {
        struct magazine *newest = domain->caches[index].depot;

        domain->caches[index].depot = newest->below;
        empty (domain, newest);
        free (newest);
      }
}

bool
walk_allocate_fast (struct walk_domain *domain, uint64_t size, uint64_t limit, bool flushes, uint64_t *found)
{
  struct cache *cache;

  if (size < CACHED_PAGES_MAX)
    size = power_of_two (size);
  cache = cache_of (domain, size);
  /* A cached 0 leaves the cache and counts as nothing. */
  if (cache && pop (cache, limit + 1 - size, found) && *found)
    return true;
  if (walk_allocate (domain, size, limit, true, found))
    return *found != 0;
  if (! flushes)
    return false;
  flush (domain);
  return walk_allocate (domain, size, limit, true, found) && *found != 0;
}

void
walk_free_fast (struct walk_domain *domain, uint64_t frame, uint64_t size)
{
  struct cache *cache = cache_of (domain, size);
  uint64_t first, last;

  if (! cache)
    {
      walk_free (domain, frame, &first, &last);
      return;
    }
  if (cache->loaded->count == domain->magazine)
    {
      if (cache->previous->count < domain->magazine)
        swap (cache);
      else
        {
          cache->loaded->below = cache->depot;
          cache->depot = cache->loaded;
          cache->loaded = cache->spare ? cache->spare : make_magazine (domain);
          cache->spare = NULL;
        }
    }
  cache->loaded->frames[cache->loaded->count++] = frame;
}
