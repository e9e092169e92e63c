import { type DuplicityVersion, duplicityVersions } from '../src/index.ts'

/** Whether this is the long run. */
export const long = Boolean(process.env['COALMINE_LONG'])

const versions = Object.keys(duplicityVersions)

/** The rows of a table to be tried with a version: all in the long run; else every row with one version, in turn. */
export function rowsFor<T>(version: DuplicityVersion, rows: readonly T[]): readonly T[] {
  return long ? rows : rows.filter((_, at) => at % versions.length === versions.indexOf(version))
}
