/* Disjoint ranges of page frames in a red-black tree, ordered by address. A node keeps its place in memory as long
 * as its range is held. Search, insertion and removal are O(log n), a step to a neighbour O(1) amortised. */

#ifndef RED_BLACK_TREE_H
#define RED_BLACK_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node
{
  struct node *parent, *left, *right;
  uint64_t low, high;
  bool is_red;
};

struct tree
{
  struct node *root;
  struct node *vacant; /* nodes without a range, linked by `right` */
  struct block *blocks;
  size_t count;
};

void tree_end (struct tree *tree);
struct node *tree_insert (struct tree *tree, uint64_t low, uint64_t high);
void tree_remove (struct tree *tree, struct node *node);

/* The first range whose last frame is at or above `frame`; NULL when there is none. */
struct node *tree_reaching (const struct tree *tree, uint64_t frame);
struct node *tree_previous (const struct node *node);
struct node *tree_next (const struct node *node);

#endif
