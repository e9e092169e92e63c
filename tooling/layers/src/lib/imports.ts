import { parseSync } from 'vite'

export interface Import {
  /** As written; `undefined` when it is computed, so that nobody can say what it is. */
  specifier: string | undefined
  /** Counted from 1. */
  line: number
}

interface Node {
  type: string
  start: number
  source?: unknown
  callee?: Node & { name?: string; object?: Node; property?: { name?: string } }
  arguments?: Node[]
  value?: unknown
}

/**
 * Everything a source imports: `import`, `export … from`, `import()`, `import('…').Type`, `require('…')` and
 * `import.meta.resolve('…')`; imports of types too, since they tie packages together as well.
 *
 * @throws SyntaxError for a source that cannot be parsed.
 */
export function importsOf(file: string, source: string): Import[] {
  const { program, errors } = parseSync(file, source)
  if (errors.length > 0) throw new SyntaxError(`Cannot parse "${file}": ${errors[0]?.message}`)
  const found: { specifier: string | undefined; start: number }[] = []
  visit(program, (node) => {
    if (namesModule.has(node.type)) {
      const from = node.source as Node | null | undefined
      if (from) found.push({ specifier: textOf(from), start: node.start })
    } else if (node.type === 'CallExpression' && isResolving(node)) {
      found.push({ specifier: textOf(node.arguments?.[0]), start: node.start })
    }
  })
  return found.map(({ specifier, start }) => ({ specifier, line: source.slice(0, start).split('\n').length }))
}

const namesModule = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
])

function isResolving({ callee }: Node): boolean {
  if (callee?.type === 'Identifier') return callee.name === 'require'
  return (
    callee?.type === 'MemberExpression' && callee.object?.type === 'MetaProperty' && callee.property?.name === 'resolve'
  )
}

function textOf(node: Node | undefined): string | undefined {
  return typeof node?.value === 'string' ? node.value : undefined
}

function visit(node: unknown, see: (node: Node) => void): void {
  if (Array.isArray(node)) {
    for (const child of node) visit(child, see)
  } else if (typeof node === 'object' && node !== null) {
    if ('type' in node && typeof node.type === 'string') see(node as Node)
    for (const child of Object.values(node)) if (typeof child === 'object') visit(child, see)
  }
}
