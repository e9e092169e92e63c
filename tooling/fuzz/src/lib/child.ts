// The process in which inputs are tried. It is given the module of the targets, the file for the current input, and
// whether to look at coverage; then orders, one at a time.
import { countAllocations } from './allocations.ts'
import { Coverage } from './coverage.ts'
import { CurrentInput } from './current-input.ts'
import { type Order, work } from './engine.ts'
import type { Target } from './target.ts'

const [, , module, currentPath, look] = process.argv
// Before the packages are loaded: V8 counts blocks only of what it compiles afterwards.
const coverage = look === 'coverage' ? Coverage.start() : undefined
const allocations = countAllocations()
const { targets } = (await import(module!)) as { targets: readonly Target[] }
const current = new CurrentInput(currentPath!)

process.on('message', (order: Order) => {
  void serve(order)
})
process.on('disconnect', () => process.exit(0))
process.send!({ type: 'ready' })

async function serve(order: Order): Promise<void> {
  const target = targets.find(({ name }) => name === order.target)
  if (target === undefined) throw new RangeError(`Cannot fuzz "${order.target}": there is no such target`)
  const report = await work(target, order, {
    onInput: (input) => current.set(input),
    allocations,
    coverage,
    onProgress: (executions, blocks) => process.send!({ type: 'progress', executions, blocks }),
  })
  await target.judge?.close?.()
  process.send!({ type: 'done', report })
}
