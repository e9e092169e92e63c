/** Numbers of which the lowest is at hand: a binary heap. */
export class LowestFirst {
  readonly #heap: number[] = []

  /** The lowest, or `undefined` when there is none. */
  get lowest(): number | undefined {
    return this.#heap[0]
  }

  add(value: number): void {
    const heap = this.#heap
    let at = heap.push(value) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]! <= value) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = value
  }

  /** Takes the lowest away. */
  drop(): void {
    const heap = this.#heap
    const value = heap.pop()
    if (value === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child += 1
      if (heap[child]! >= value) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = value
  }
}
