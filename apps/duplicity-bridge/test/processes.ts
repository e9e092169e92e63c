import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

export interface Process {
  readonly pid: number
  readonly kind: 'run' | 'duplicity' | 'bridge'
}

/** The processes that have that home, wherever they came from. */
export function processesOf(home: string): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): Process[] => {
      try {
        if (!readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(`HOME=${home}`)) return []
        const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0')
        const isNode = basename(readlinkSync(`/proc/${name}/exe`)).startsWith('node')
        if (isNode && words[2] === 'rpc') return [{ pid: Number(name), kind: 'bridge' }]
        if (isNode) return [{ pid: Number(name), kind: 'run' }]
        return words[0]!.includes('python') ? [{ pid: Number(name), kind: 'duplicity' }] : []
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
}

/** Looks until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20))
}
