/* A red-black tree: every path from the root has as many black nodes, and no red node has a red child. Written from
 * the textbook's rules; nodes come from blocks, as an allocator for objects of one size hands them out. */

#include "tree.h"

#include <stdlib.h>

enum { BLOCK_NODES = 1024 };

struct block
{
  struct block *next;
  struct node nodes[BLOCK_NODES];
};

static struct node *
take (struct tree *tree)
{
  struct node *node = tree->vacant;

  if (! node)
    {
      struct block *block = malloc (sizeof *block);

      if (! block)
        abort ();
      block->next = tree->blocks;
      tree->blocks = block;
      for (size_t index = 0; index < BLOCK_NODES; index++)
        {
          block->nodes[index].right = tree->vacant;
          tree->vacant = &block->nodes[index];
        }
      node = tree->vacant;
    }
  tree->vacant = node->right;
  return node;
}

void
tree_end (struct tree *tree)
{
  while (tree->blocks)
    {
      struct block *next = tree->blocks->next;

      free (tree->blocks);
      tree->blocks = next;
    }
}

/* What pointed down to `old` points to `new`. */
static void
relink (struct tree *tree, struct node *above, const struct node *old, struct node *new)
{
  if (! above)
    tree->root = new;
  else if (above->left == old)
    above->left = new;
  else
    above->right = new;
}

/* The right child takes the place of `node`, which becomes its left child. */
static void
rotate_left (struct tree *tree, struct node *node)
{
  struct node *up = node->right;

  node->right = up->left;
  if (up->left)
    up->left->parent = node;
  up->parent = node->parent;
  relink (tree, node->parent, node, up);
  up->left = node;
  node->parent = up;
}

static void
rotate_right (struct tree *tree, struct node *node)
{
  struct node *up = node->left;

  node->left = up->right;
  if (up->right)
    up->right->parent = node;
  up->parent = node->parent;
  relink (tree, node->parent, node, up);
  up->right = node;
  node->parent = up;
}

/* `node` is red; mends a red parent. */
static void
mend_insertion (struct tree *tree, struct node *node)
{
  while (node->parent && node->parent->is_red)
    {
      struct node *parent = node->parent, *elder = parent->parent;
      bool is_left = elder->left == parent;
      struct node *uncle = is_left ? elder->right : elder->left;

      if (uncle && uncle->is_red)
        {
          parent->is_red = uncle->is_red = false;
          elder->is_red = true;
          node = elder;
          continue;
        }
      if (node == (is_left ? parent->right : parent->left))
        {
          node = parent;
          if (is_left)
            rotate_left (tree, node);
          else
            rotate_right (tree, node);
          parent = node->parent;
        }
      parent->is_red = false;
      elder->is_red = true;
      if (is_left)
        rotate_right (tree, elder);
      else
        rotate_left (tree, elder);
    }
  tree->root->is_red = false;
}

struct node *
tree_insert (struct tree *tree, uint64_t low, uint64_t high)
{
  struct node *node = take (tree), *parent = NULL, **link = &tree->root;

  while (*link)
    {
      parent = *link;
      link = low < parent->low ? &parent->left : &parent->right;
    }
  *node = (struct node) { .parent = parent, .low = low, .high = high, .is_red = true };
  *link = node;
  tree->count++;
  mend_insertion (tree, node);
  return node;
}

/* The paths through `node`, a child of `parent`, lack one black node. */
static void
mend_removal (struct tree *tree, struct node *node, struct node *parent)
{
  while (node != tree->root && (! node || ! node->is_red))
    {
      bool is_left = parent->left == node;
      struct node *sibling = is_left ? parent->right : parent->left;
      struct node *near, *far;

      if (sibling->is_red)
        {
          sibling->is_red = false;
          parent->is_red = true;
          if (is_left)
            rotate_left (tree, parent);
          else
            rotate_right (tree, parent);
          sibling = is_left ? parent->right : parent->left;
        }
      near = is_left ? sibling->left : sibling->right;
      far = is_left ? sibling->right : sibling->left;
      if ((! near || ! near->is_red) && (! far || ! far->is_red))
        {
          sibling->is_red = true;
          node = parent;
          parent = node->parent;
          continue;
        }
      if (! far || ! far->is_red)
        {
          near->is_red = false;
          sibling->is_red = true;
          if (is_left)
            rotate_right (tree, sibling);
          else
            rotate_left (tree, sibling);
          far = sibling;
          sibling = is_left ? parent->right : parent->left;
        }
      sibling->is_red = parent->is_red;
      parent->is_red = far->is_red = false;
      if (is_left)
        rotate_left (tree, parent);
      else
        rotate_right (tree, parent);
      node = tree->root;
    }
  if (node)
    node->is_red = false;
}

void
tree_remove (struct tree *tree, struct node *node)
{
  struct node *child, *parent;
  bool lacks_black;

  if (node->left && node->right)
    {
      /* The next range takes its place in the tree; the node itself does not move in memory. */
      struct node *next = node->right;

      while (next->left)
        next = next->left;
      child = next->right;
      parent = next->parent;
      lacks_black = ! next->is_red;
      if (parent == node)
        parent = next;
      else
        {
          parent->left = child;
          if (child)
            child->parent = parent;
          next->right = node->right;
          next->right->parent = next;
        }
      next->left = node->left;
      next->left->parent = next;
      next->parent = node->parent;
      next->is_red = node->is_red;
      relink (tree, node->parent, node, next);
    }
  else
    {
      child = node->left ? node->left : node->right;
      parent = node->parent;
      lacks_black = ! node->is_red;
      if (child)
        child->parent = parent;
      relink (tree, parent, node, child);
    }
  if (lacks_black)
    mend_removal (tree, child, parent);
  node->right = tree->vacant;
  tree->vacant = node;
  tree->count--;
}

struct node *
tree_reaching (const struct tree *tree, uint64_t frame)
{
  struct node *at = tree->root, *found = NULL;

  while (at)
    if (at->high >= frame)
      {
        found = at;
        at = at->left;
      }
    else
      at = at->right;
  return found;
}

struct node *
tree_previous (const struct node *node)
{
  if (node->left)
    {
      node = node->left;
      while (node->right)
        node = node->right;
      return (struct node *) node;
    }
  while (node->parent && node->parent->left == node)
    node = node->parent;
  return node->parent;
}

struct node *
tree_next (const struct node *node)
{
  if (node->right)
    {
      node = node->right;
      while (node->left)
        node = node->left;
      return (struct node *) node;
    }
  while (node->parent && node->parent->right == node)
    node = node->parent;
  return node->parent;
}
