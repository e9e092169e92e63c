import { appLayer, house, layerNames } from './house.ts'
import { type Package, shortOf } from './workspace.ts'

/** The layers with the packages that are built, the top first, as text. */
export function drawLayers(packages: readonly Package[]): string {
  const rows = layerNames.map((meaning, layer) => {
    const names = packages.filter((one) => layerOf(one) === layer).map((one) => one.short)
    return { label: layer === appLayer ? 'apps' : `L${layer}`, names: names.join('  '), meaning }
  })
  const shown = rows.filter((row) => row.names !== '').reverse()
  const width = Math.max(...shown.map((row) => row.names.length))
  const lines = shown.map((row) => `${row.label.padEnd(5)} ${row.names.padEnd(width)}   ${row.meaning}`)
  const tools = packages.filter((one) => one.group === 'tooling').map((one) => one.short)
  if (tools.length > 0) lines.push('', `beside the house: tooling/ ${tools.join('  ')}`)
  return ['```text', ...lines, '```'].join('\n')
}

/** What each package is and what it uses at run time, from the ground up, as a Markdown table. */
export function listPackages(packages: readonly Package[]): string {
  const rows = packages
    .filter((one) => one.group !== 'tooling')
    .toSorted((a, b) => (layerOf(a) ?? 0) - (layerOf(b) ?? 0) || (a.short < b.short ? -1 : 1))
    .map(
      (one) =>
        `| [\`${one.short}\`](../${one.group}/${folderName(one)}) | ${one.manifest.description ?? ''} | ${usesOf(one)} |`,
    )
  return ['| package | what it is | uses |', '|---|---|---|', ...rows].join('\n')
}

/**
 * Replaces what stands between `<!-- name: begin -->` and `<!-- name: end -->`.
 *
 * @throws RangeError when the document has no such place.
 */
export function fillIn(document: string, name: string, text: string): string {
  const begin = `<!-- ${name}: begin -->`
  const end = `<!-- ${name}: end -->`
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new RangeError(`Cannot fill in "${name}": the document has no such place`)
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`
}

function layerOf(one: Package): number | undefined {
  if (one.group === 'apps') return appLayer
  return one.group === 'packages' ? house[one.short]?.layer : undefined
}

function folderName(one: Package): string {
  return one.folder.slice(one.folder.lastIndexOf('/') + 1)
}

function usesOf({ manifest }: Package): string {
  const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
  return names.map((name) => shortOf(name) ?? `\`${name}\``).join(', ') || 'nothing'
}
