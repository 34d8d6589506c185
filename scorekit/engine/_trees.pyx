# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Tree ensembles over blocks of rows: ranks first, then trees.

``lowering.tree_layout`` says what the arrays hold and why numbers become ranks.
Two ways lead from ranks to leaves, and both add trees in their order, so that
scores have the bits of scikit-learn's:

*masks*, for trees of at most 64 leaves. A table for each tree and each column it
splits on says, for every rank, which leaves can still be reached. The leaf is the
first one that all tables leave; nothing is walked and nothing waits for memory.
After Lucchese et al., "QuickScorer" (SIGIR 2015), with look-ups by rank in place of
its scan over thresholds.

*walk*, for all others. Eight rows go down a tree side by side without a branch, for
a leaf points to itself. After some steps the rows that stand at a leaf are left
out: in a full-depth tree the deepest of eight rows lies half as deep again as the
mean. One row alone goes down eight trees side by side.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

import numpy as np

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__GNUC__) || defined(__clang__)
    static inline int scorekit_first_bit(uint64_t bits) { return __builtin_ctzll(bits); }
    static inline void scorekit_prefetch(const void* at) { __builtin_prefetch(at); }
    #else
    static inline int scorekit_first_bit(uint64_t bits) {
        int at = 0;
        while (!(bits & 1)) { bits >>= 1; ++at; }
        return at;
    }
    static inline void scorekit_prefetch(const void* at) { (void)at; }
    #endif
    """
    int first_bit "scorekit_first_bit"(uint64_t bits) noexcept nogil
    void prefetch "scorekit_prefetch"(const void* at) noexcept nogil

cdef enum:
    LANES = 8
    LEAF = 0xFFFF            # `column` of a leaf, as it is stored
    SET_WORDS = 8
    SPLITS_SET = 0x80000000  # flag in Node.left
    MORE_STEPS = 4
    LINE = 64
    MOST_MASK_LEAVES = 64
    # tables that outgrow the caches are slower than walking
    MOST_TABLE_BYTES = 1 << 24
    MOST_TREE_TABLE_BYTES = 1 << 15
    # the ranks of a block stay in the nearest cache beside one small tree
    NEAR_CACHE = 1 << 14
    # large trees have to be fetched for every block: the more rows in it, the better
    FAR_CACHE = 1 << 19
    MOST_BLOCK_ROWS = 8192

ctypedef fused mask_t:
    uint32_t
    uint64_t

cdef struct Node:
    uint16_t rank    # ranks above it go right; row of `sets` where `left` has the flag; leaf: row of `values`
    uint16_t column  # leaf: the column behind the last, whose ranks are all 0
    uint32_t left    # right is the next; leaf: itself

cdef struct Look:
    uint32_t column
    uint32_t table   # first entry of the tree's table for this column


cdef inline uint32_t rank_of(const double* thresholds, uint32_t count, double value) noexcept nogil:
    """Number of thresholds below ``value``; 0 for NaN, since no comparison with it holds."""
    cdef const double* base = thresholds
    cdef uint32_t half
    if count == 0:
        return 0
    while count > 1:
        half = count >> 1
        base += half * <uint32_t>(base[half - 1] < value)
        count -= half
    return <uint32_t>(base - thresholds) + <uint32_t>(base[0] < value)


cdef inline uint32_t step(
    const Node* nodes, const uint32_t* sets, const uint16_t* ranks, uint32_t at
) noexcept nogil:
    """The node after ``at``; ``sets`` is NULL where no node splits a set."""
    cdef Node node = nodes[at]
    cdef uint32_t rank = ranks[node.column]
    cdef uint32_t above = rank > node.rank
    cdef uint32_t flag, outside
    if sets == NULL:
        return node.left + above
    # both questions are answered and one answer taken: a branch would be guessed wrong
    flag = node.left >> 31
    outside = ~(sets[node.rank * flag * SET_WORDS + ((rank >> 5) & 7)] >> (rank & 31)) & 1
    return (node.left & ~<uint32_t>SPLITS_SET) + ((flag & outside) | (~flag & above))


cdef inline void advance(
    const Node* nodes,
    const uint32_t* sets,
    const uint16_t* ranks,
    Py_ssize_t stride,
    uint32_t* at,
    const uint32_t* lanes,
    int steps,
) noexcept nogil:
    """Take eight lanes some steps down. Named one by one, they stay in registers."""
    cdef uint32_t a0 = at[lanes[0]], a1 = at[lanes[1]], a2 = at[lanes[2]], a3 = at[lanes[3]]
    cdef uint32_t a4 = at[lanes[4]], a5 = at[lanes[5]], a6 = at[lanes[6]], a7 = at[lanes[7]]
    cdef const uint16_t* r0 = ranks + lanes[0] * stride
    cdef const uint16_t* r1 = ranks + lanes[1] * stride
    cdef const uint16_t* r2 = ranks + lanes[2] * stride
    cdef const uint16_t* r3 = ranks + lanes[3] * stride
    cdef const uint16_t* r4 = ranks + lanes[4] * stride
    cdef const uint16_t* r5 = ranks + lanes[5] * stride
    cdef const uint16_t* r6 = ranks + lanes[6] * stride
    cdef const uint16_t* r7 = ranks + lanes[7] * stride
    while steps > 0:
        a0 = step(nodes, sets, r0, a0)
        a1 = step(nodes, sets, r1, a1)
        a2 = step(nodes, sets, r2, a2)
        a3 = step(nodes, sets, r3, a3)
        a4 = step(nodes, sets, r4, a4)
        a5 = step(nodes, sets, r5, a5)
        a6 = step(nodes, sets, r6, a6)
        a7 = step(nodes, sets, r7, a7)
        steps -= 1
    at[lanes[0]], at[lanes[1]], at[lanes[2]], at[lanes[3]] = a0, a1, a2, a3
    at[lanes[4]], at[lanes[5]], at[lanes[6]], at[lanes[7]] = a4, a5, a6, a7


cdef inline void walk(
    const Node* nodes,
    const uint32_t* sets,
    const uint16_t* ranks,
    Py_ssize_t stride,
    uint32_t leaf_column,
    uint32_t* at,
    uint32_t* lanes,
    Py_ssize_t count,
    int steps,
    int depth,
) noexcept nogil:
    """Take ``count`` lanes from ``at`` down to their leaves.

    Lane ``i`` reads the ranks at ``ranks + i * stride``. ``lanes`` has room for
    ``count + LANES - 1`` numbers. ``steps`` are taken before the first look at who
    has arrived; ``depth`` is enough for all.
    """
    cdef Py_ssize_t i, left
    for i in range(count):
        lanes[i] = i
    while count > 0:
        for i in range(count, (count + LANES - 1) // LANES * LANES):
            lanes[i] = lanes[count - 1]
        for i in range(0, count, 8):
            advance(nodes, sets, ranks, stride, at, lanes + i, steps)
        depth -= steps
        if depth <= 0:
            return
        left = 0
        for i in range(count):
            lanes[left] = lanes[i]
            left += nodes[at[lanes[i]]].column != leaf_column
        count = left
        steps = MORE_STEPS


cdef class Ensemble:
    """Trees laid out to be run.

    Parameters
    ----------
    rank, column, child, roots, values, sources, columns, categories, thresholds, offsets, sets
        As ``lowering.tree_layout.layout`` makes them.
    n_outputs : int
        Number of scores of a row. Values as wide as this are added to all of them;
        values of width 1 of tree ``t`` are added to score ``t % n_outputs``.
    single : bool
        Whether numbers are rounded to float32 first.
    method : {"auto", "walk", "masks"}
        For tests and measurements.

    Raises
    ------
    ValueError
        If the arrays do not describe trees: nothing read from a file can make the
        kernel read outside of them.
    """

    cdef readonly str method
    cdef readonly Py_ssize_t n_outputs, n_trees, block_rows
    cdef bint single, wide_masks, rows_in_nodes
    cdef Py_ssize_t n_nodes, n_inputs, n_columns, n_columns_read, width
    cdef const uint16_t[::1] rank, column
    cdef const uint32_t[::1] child, roots, sources, categories, offsets
    cdef const int32_t[:, ::1] columns
    cdef const uint32_t[:, ::1] set_words
    cdef const double[::1] thresholds
    cdef const double[:, ::1] leaf_values
    cdef object _memory
    cdef Node* nodes
    cdef const uint32_t* sets     # NULL where no node splits a set
    cdef const double* values
    cdef Look* looks
    cdef void* tables             # NULL where trees are walked
    cdef int32_t[::1] depths      # of each tree
    cdef int32_t[::1] first_steps
    cdef uint32_t[::1] ends       # node behind each tree's last
    cdef uint32_t[::1] leaves     # number of leaves below each node
    cdef uint32_t[::1] sizes      # number of ranks of each column
    cdef uint32_t[::1] first_look # of each tree, and the end
    cdef uint32_t[::1] first_leaf # of each tree, and the end
    cdef uint32_t[::1] leaf_rows  # row of `values` of each leaf, left to right

    def __cinit__(self):
        self.looks = NULL
        self.tables = NULL

    def __dealloc__(self):
        free(self.looks)
        free(self.tables)

    def __init__(
        self,
        *,
        rank,
        column,
        child,
        roots,
        values,
        sources,
        columns,
        categories,
        thresholds,
        offsets,
        sets,
        Py_ssize_t n_outputs,
        bint single,
        str method="auto",
    ):
        self.rank, self.column, self.child, self.roots = rank, column, child, roots
        self.sources, self.columns, self.categories = sources, columns, categories
        self.thresholds, self.offsets = thresholds, offsets
        self.leaf_values, self.set_words = values, sets
        self.n_nodes, self.n_trees, self.n_inputs = len(rank), len(roots), len(sources)
        self.n_outputs, self.width, self.single = n_outputs, self.leaf_values.shape[1], single
        self._check_shapes()
        self._check_inputs()
        self._build_nodes()
        self.values = &self.leaf_values[0, 0]
        self._choose(method)

    # reading what a file says ---------------------------------------------------------

    cdef _check_shapes(self):
        _require(
            self.n_outputs > 0
            and self.width in (1, self.n_outputs)
            and len(self.leaf_values) > 0
            and self.n_trees > 0
            and len(self.column) == len(self.child) == self.n_nodes < <Py_ssize_t>SPLITS_SET
            and len(self.columns) == len(self.categories) == len(self.offsets) - 1 == self.n_inputs
            and self.columns.shape[1] == 2
            and self.set_words.shape[1] == SET_WORDS
        )

    cdef _check_inputs(self):
        cdef Py_ssize_t i, k
        cdef uint32_t count
        self.n_columns = self.n_columns_read = 0
        for i in range(self.n_inputs):
            self.n_columns_read = max(self.n_columns_read, <Py_ssize_t>self.sources[i] + 1)
            self.n_columns = max(self.n_columns, self.columns[i, 0] + 1, self.columns[i, 1] + 1)
            _require(self.offsets[i] <= self.offsets[i + 1] <= <size_t>len(self.thresholds))
            _require(self.categories[i] < 32 * SET_WORDS)
            _require(not self.categories[i] or self.columns[i, 0] >= 0)
        _require(self.n_columns <= LEAF)
        self.sizes = np.ones(self.n_columns + 1, dtype=np.uint32)
        for i in range(self.n_inputs):
            count = self.categories[i] if self.categories[i] else self.offsets[i + 1] - self.offsets[i]
            _require(count < LEAF)
            for k in range(2):
                if self.columns[i, k] >= 0:
                    self.sizes[self.columns[i, k]] = count + 1

    cdef _build_nodes(self):
        """Lay nodes out for walking; find depths and numbers of leaves."""
        cdef Py_ssize_t tree, i
        cdef uint8_t[::1] is_set = np.zeros(self.n_columns + 1, dtype=np.uint8)
        cdef int32_t[::1] depth = np.zeros(self.n_nodes, dtype=np.int32)
        cdef uint64_t[::1] memory
        for i in range(self.n_inputs):
            if self.categories[i]:
                is_set[self.columns[i, 0]] = 1
        self.sets = &self.set_words[0, 0] if np.any(is_set) and len(self.set_words) else NULL
        # NumPy asks for huge pages, malloc does not
        self._memory = memory = np.zeros(self.n_nodes, dtype=np.uint64)
        self.nodes = <Node*>&memory[0]
        self.rows_in_nodes = len(self.leaf_values) <= 0x10000
        self.ends = np.append(self.roots[1:], np.uint32(self.n_nodes))
        self.depths = np.zeros(self.n_trees, dtype=np.int32)
        self.leaves = np.ones(self.n_nodes, dtype=np.uint32)
        self.first_steps = np.zeros(self.n_trees, dtype=np.int32)
        _require(self.roots[0] == 0)
        for tree in range(self.n_trees):
            _require(self.roots[tree] < self.ends[tree] <= <size_t>self.n_nodes)
            self._build_tree(tree, depth, is_set)

    cdef _build_tree(self, Py_ssize_t tree, int32_t[::1] depth, const uint8_t[::1] is_set):
        cdef uint32_t root = self.roots[tree], end = self.ends[tree], i, child
        for i in range(root, end):
            child = self.child[i]
            if self.column[i] == LEAF:
                _require(child < <size_t>len(self.leaf_values))
                self.nodes[i] = Node(child if self.rows_in_nodes else 0, self.n_columns, i)
                self.depths[tree] = max(self.depths[tree], depth[i])
                continue
            # every node but the root is the child of one before it, and of no other
            _require(i == root or depth[i] > 0)
            _require(i < child < end - 1 and self.column[i] < self.n_columns)
            _require(depth[child] == 0 and depth[child + 1] == 0)
            depth[child] = depth[child + 1] = depth[i] + 1
            self.nodes[i] = Node(self.rank[i], self.column[i], child)
            if is_set[self.column[i]]:
                _require(self.rank[i] < <size_t>len(self.set_words))
                self.nodes[i].left |= <uint32_t>SPLITS_SET
        for i in range(end - 1, root, -1):
            if self.column[i] != LEAF:
                self.leaves[i] = self.leaves[self.child[i]] + self.leaves[self.child[i] + 1]
        if self.column[root] != LEAF:
            self.leaves[root] = self.leaves[self.child[root]] + self.leaves[self.child[root] + 1]
        # few leaves lie higher than they would if the tree were balanced
        self.first_steps[tree] = min(self.depths[tree], int(self.leaves[root]).bit_length())

    cdef _choose(self, method):
        """Choose masks where the tables fit, and the rows of a block."""
        cdef Py_ssize_t cache = NEAR_CACHE
        _require(method in ("auto", "walk", "masks"))
        if method == "auto":
            method = "masks" if self._tables_fit() else "walk"
        if method == "masks":
            self._build_tables()
        elif <Py_ssize_t>sizeof(Node) * self.n_nodes // self.n_trees > NEAR_CACHE:
            cache = FAR_CACHE
        self.method = method
        cache = cache // (<Py_ssize_t>sizeof(uint16_t) * (self.n_columns + 1))
        self.block_rows = min(max(cache, 64), <Py_ssize_t>MOST_BLOCK_ROWS) // LANES * LANES

    # masks ---------------------------------------------------------------------------

    cdef _looks(self):
        """Pairs (tree, column it splits on), each once, in order."""
        split = np.flatnonzero(np.asarray(self.column) != LEAF)
        tree = np.searchsorted(self.roots, split, side="right") - 1
        pairs = np.sort(tree * (LEAF + 1) + np.asarray(self.column)[split])
        # np.unique imports numpy.ma
        pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
        return pairs // (LEAF + 1), pairs % (LEAF + 1)

    cdef _most_leaves(self):
        return int(np.asarray(self.leaves)[np.asarray(self.roots)].max())

    cdef bint _tables_fit(self):
        most = self._most_leaves()
        if most > MOST_MASK_LEAVES:
            return False
        trees, columns = self._looks()
        entries = np.bincount(trees, weights=np.asarray(self.sizes)[columns], minlength=self.n_trees)
        entries *= 4 if most <= 32 else 8
        return entries.sum() <= MOST_TABLE_BYTES and entries.max() <= MOST_TREE_TABLE_BYTES

    cdef _build_tables(self):
        """Number leaves left to right and tabulate which of them each rank leaves."""
        cdef Py_ssize_t i, entry = 0, entries
        _require(self._most_leaves() <= MOST_MASK_LEAVES)
        trees, columns = self._looks()
        self.wide_masks = self._most_leaves() > 32
        entries = int(np.asarray(self.sizes)[columns].sum())
        self.looks = <Look*>malloc(max(1, len(columns)) * sizeof(Look))
        self.tables = malloc(max(1, entries) * (8 if self.wide_masks else 4))
        if self.looks == NULL or self.tables == NULL:
            raise MemoryError
        for i in range(len(columns)):
            self.looks[i] = Look(columns[i], entry)
            entry += self.sizes[columns[i]]
        self.first_look = np.searchsorted(trees, np.arange(self.n_trees + 1)).astype(np.uint32)
        leaves = np.asarray(self.leaves)[np.asarray(self.roots)]
        self.first_leaf = np.concatenate([[0], np.cumsum(leaves)]).astype(np.uint32)
        self.leaf_rows = np.zeros(self.first_leaf[self.n_trees], dtype=np.uint32)
        if self.wide_masks:
            self._fill_tables(<uint64_t*>self.tables, entries)
        else:
            self._fill_tables(<uint32_t*>self.tables, entries)

    cdef _fill_tables(self, mask_t* tables, Py_ssize_t entries):
        cdef Py_ssize_t tree, i
        cdef uint32_t[::1] table = np.zeros(self.n_columns + 1, dtype=np.uint32)
        cdef uint32_t[::1] before = np.zeros(self.n_nodes, dtype=np.uint32)
        cdef uint32_t at, child
        for i in range(entries):
            tables[i] = ~<mask_t>0
        for tree in range(self.n_trees):
            for i in range(self.first_look[tree], self.first_look[tree + 1]):
                table[self.looks[i].column] = self.looks[i].table
            for at in range(self.roots[tree], self.ends[tree]):
                child = self.child[at]
                if self.column[at] == LEAF:
                    # nodes no parent points to are padding, and come before the first leaf's own number
                    if before[at] or at == self._first_leaf_of(tree):
                        self.leaf_rows[self.first_leaf[tree] + before[at]] = child
                    continue
                before[child] = before[at]
                before[child + 1] = before[at] + self.leaves[child]
                self._close(tables + table[self.column[at]], at, before[at], self.leaves[child])

    cdef uint32_t _first_leaf_of(self, Py_ssize_t tree):
        """The leftmost leaf."""
        cdef uint32_t at = self.roots[tree]
        while self.column[at] != LEAF:
            at = self.child[at]
        return at

    cdef _close(self, mask_t* table, uint32_t at, uint32_t first, uint32_t count):
        """Take the ``count`` leaves of a node's left half from all ranks that go right."""
        cdef mask_t kept = ~((((<mask_t>1) << count) - 1) << first)
        cdef uint32_t rank
        cdef bint left
        for rank in range(self.sizes[self.column[at]]):
            if self.nodes[at].left & <uint32_t>SPLITS_SET:
                left = (self.set_words[self.rank[at], rank >> 5] >> (rank & 31)) & 1
            else:
                left = rank <= self.rank[at]
            if not left:
                table[rank] &= kept

    # running -------------------------------------------------------------------------

    def add(self, const double[:, :] matrix, double[:, ::1] out):
        """Add every tree's leaf to ``out``.

        Parameters
        ----------
        matrix : ndarray of float64, shape (n_rows, n_columns)
            In any strides.
        out : ndarray of float64, shape (n_rows, n_outputs)
            Where the sums begin and end.
        """
        cdef bint done
        if matrix.shape[0] != out.shape[0] or out.shape[1] != self.n_outputs:
            raise ValueError("rows or outputs do not fit")
        if matrix.shape[1] < self.n_columns_read:
            raise ValueError("the matrix has fewer columns than the trees split on")
        if matrix.shape[0] == 0:
            return
        if matrix.shape[0] < LANES:
            # too short to give up the interpreter: another thread might keep it for milliseconds
            done = self._run(matrix, &out[0, 0])
        else:
            with nogil:
                done = self._run(matrix, &out[0, 0])
        if not done:
            raise MemoryError

    cdef bint _run(self, const double[:, :] matrix, double* out) noexcept nogil:
        cdef Py_ssize_t begin = 0, rows, columns = self.n_columns + 1
        cdef Py_ssize_t most = min(self.block_rows, (matrix.shape[0] + LANES - 1) // LANES * LANES)
        cdef Py_ssize_t lanes = max(most, self.n_trees) + LANES
        cdef uint16_t* ranks = <uint16_t*>calloc(most * columns, sizeof(uint16_t))
        cdef uint32_t* scratch = NULL
        if self.tables == NULL:
            scratch = <uint32_t*>malloc(2 * lanes * sizeof(uint32_t))
        if ranks == NULL or (self.tables == NULL and scratch == NULL):
            free(ranks)
            free(scratch)
            return False
        while begin < matrix.shape[0]:
            rows = min(most, matrix.shape[0] - begin)
            if self.tables == NULL:
                self._rank(matrix, begin, rows, ranks, columns, 1)
                self._walk_block(ranks, columns, rows, out, scratch, scratch + lanes)
            else:
                self._rank(matrix, begin, rows, ranks, 1, most)
                if self.wide_masks:
                    self._mask_block(<uint64_t*>self.tables, ranks, most, rows, out)
                else:
                    self._mask_block(<uint32_t*>self.tables, ranks, most, rows, out)
            begin += rows
            out += rows * self.n_outputs
        free(ranks)
        free(scratch)
        return True

    cdef void _rank(
        self,
        const double[:, :] matrix,
        Py_ssize_t begin,
        Py_ssize_t rows,
        uint16_t* ranks,
        Py_ssize_t row_stride,
        Py_ssize_t column_stride,
    ) noexcept nogil:
        """Ranks of a block of rows, each input's into its one or two columns."""
        cdef Py_ssize_t i, row
        cdef uint32_t count, rank
        cdef int32_t above, below
        cdef const double* thresholds
        cdef const char* source
        cdef double value
        for i in range(self.n_inputs):
            above, below = self.columns[i, 0], self.columns[i, 1]
            source = <const char*>&matrix[begin, self.sources[i]]
            if self.categories[i]:
                count = self.categories[i]
                for row in range(rows):
                    value = (<const double*>(source + row * matrix.strides[0]))[0]
                    rank = <uint32_t>value if 0 <= value < count else count
                    ranks[above * column_stride + row * row_stride] = rank
                continue
            thresholds = &self.thresholds[0] + self.offsets[i]
            count = self.offsets[i + 1] - self.offsets[i]
            for row in range(rows):
                value = (<const double*>(source + row * matrix.strides[0]))[0]
                if self.single:
                    value = <double><float>value
                rank = rank_of(thresholds, count, value)
                if below >= 0:
                    ranks[below * column_stride + row * row_stride] = rank
                if above >= 0:
                    ranks[above * column_stride + row * row_stride] = rank if value == value else count

    cdef void _walk_block(
        self,
        const uint16_t* ranks,
        Py_ssize_t columns,
        Py_ssize_t rows,
        double* out,
        uint32_t* at,
        uint32_t* lanes,
    ) noexcept nogil:
        cdef Py_ssize_t tree, row
        if rows < LANES:
            for row in range(rows):
                self._walk_row(ranks + row * columns, out + row * self.n_outputs, at, lanes)
            return
        for tree in range(self.n_trees):
            if tree + 1 < self.n_trees:
                self._fetch(tree + 1)
            for row in range(rows):
                at[row] = self.roots[tree]
            self._walk(ranks, columns, at, lanes, rows, self.first_steps[tree], self.depths[tree])
            for row in range(rows):
                self._add(self._row_of_leaf(at[row]), tree, out + row * self.n_outputs)

    cdef void _walk_row(self, const uint16_t* ranks, double* out, uint32_t* at, uint32_t* lanes) noexcept nogil:
        """One row down all trees, eight at a time."""
        cdef Py_ssize_t tree
        cdef int first = 0, depth = 0
        for tree in range(self.n_trees):
            at[tree] = self.roots[tree]
            first = max(first, self.first_steps[tree])
            depth = max(depth, self.depths[tree])
        self._walk(ranks, 0, at, lanes, self.n_trees, first, depth)
        for tree in range(self.n_trees):
            self._add(self._row_of_leaf(at[tree]), tree, out)

    cdef inline void _walk(
        self,
        const uint16_t* ranks,
        Py_ssize_t stride,
        uint32_t* at,
        uint32_t* lanes,
        Py_ssize_t count,
        int steps,
        int depth,
    ) noexcept nogil:
        # two calls, so that the compiler makes one without a thought of sets
        if self.sets == NULL:
            walk(self.nodes, NULL, ranks, stride, self.n_columns, at, lanes, count, steps, depth)
        else:
            walk(self.nodes, self.sets, ranks, stride, self.n_columns, at, lanes, count, steps, depth)

    cdef inline void _fetch(self, Py_ssize_t tree) noexcept nogil:
        """Ask for a tree's nodes before they are needed; the first touch of each would be a wait."""
        cdef const char* line = <const char*>(self.nodes + self.roots[tree])
        cdef const char* end = <const char*>(self.nodes + self.ends[tree])
        while line < end:
            prefetch(line)
            line += LINE

    cdef inline uint32_t _row_of_leaf(self, uint32_t at) noexcept nogil:
        return self.nodes[at].rank if self.rows_in_nodes else self.child[at]

    cdef inline void _add(self, uint32_t row, Py_ssize_t tree, double* out) noexcept nogil:
        """Add a leaf's values to one row's scores."""
        cdef Py_ssize_t i
        cdef const double* value = self.values + row * self.width
        if self.width == self.n_outputs:
            for i in range(self.width):
                out[i] += value[i]
        else:
            out[tree % self.n_outputs] += value[0]

    cdef void _mask_block(
        self, const mask_t* tables, const uint16_t* ranks, Py_ssize_t stride, Py_ssize_t rows, double* out
    ) noexcept nogil:
        """Ranks lie column by column here, ``stride`` apart."""
        cdef Py_ssize_t tree, row, lane
        cdef uint32_t look
        cdef const uint16_t* block
        cdef const mask_t* table
        cdef const uint32_t* leaf_rows
        cdef mask_t m0, m1, m2, m3, m4, m5, m6, m7
        cdef mask_t[LANES] masks
        for tree in range(self.n_trees):
            leaf_rows = &self.leaf_rows[self.first_leaf[tree]]
            if rows == 1:
                m0 = ~<mask_t>0
                for look in range(self.first_look[tree], self.first_look[tree + 1]):
                    m0 &= tables[self.looks[look].table + ranks[self.looks[look].column * stride]]
                self._add(leaf_rows[first_bit(m0)], tree, out)
                continue
            for row in range(0, rows, 8):
                m0 = m1 = m2 = m3 = m4 = m5 = m6 = m7 = ~<mask_t>0
                for look in range(self.first_look[tree], self.first_look[tree + 1]):
                    table = tables + self.looks[look].table
                    block = ranks + self.looks[look].column * stride + row
                    m0 &= table[block[0]]
                    m1 &= table[block[1]]
                    m2 &= table[block[2]]
                    m3 &= table[block[3]]
                    m4 &= table[block[4]]
                    m5 &= table[block[5]]
                    m6 &= table[block[6]]
                    m7 &= table[block[7]]
                masks[0], masks[1], masks[2], masks[3] = m0, m1, m2, m3
                masks[4], masks[5], masks[6], masks[7] = m4, m5, m6, m7
                for lane in range(min(<Py_ssize_t>LANES, rows - row)):
                    self._add(leaf_rows[first_bit(masks[lane])], tree, out + (row + lane) * self.n_outputs)


cdef int _require(bint holds) except -1:
    """Nothing read from a file may make the kernel read outside of its arrays."""
    if not holds:
        raise ValueError("these arrays do not describe trees")
    return 0
