import { OpenPgpError } from './errors.ts'
import { agentTrouble, type GpgAnswer, GpgProcess, type GpgProgram, lastSaid } from './gpg-process.ts'

/** A key as gpg lists it. */
export interface ListedKey {
  /** Of the primary key, 40 hex digits. */
  readonly fingerprint: string
  /** gpg's letter: `u` or `f` for a key that is surely its owner's, `r` revoked, `e` expired … */
  readonly validity: string
}

/** What a key is looked up for; the sentence of the error begins with it. */
export type KeyPurpose = 'encrypt to' | 'sign with' | 'check signatures of'

/**
 * The one key of gpg's keyring that a name means: a fingerprint, a key id, a mail address, or whatever else gpg takes.
 * Of several keys of a name those that have expired or were revoked do not count.
 *
 * @throws OpenPgpError `no-key` when there is none, or more than one
 */
export async function findListedKey(
  program: GpgProgram,
  name: string,
  purpose: KeyPurpose,
  kind: 'public' | 'secret',
): Promise<ListedKey> {
  const task = `${purpose} the key "${name}"`
  if (name.trim() === '' || name.includes('\0')) throw new OpenPgpError('no-key', `Cannot ${task}: this is no name`)
  const list = kind === 'secret' ? '--list-secret-keys' : '--list-keys'
  // After the two dashes nothing is an option, whatever it begins with.
  const answer = await call(program, task, ['--with-colons', '--fixed-list-mode', list, '--', name])
  const all = listedKeys(answer.output)
  const usable = all.filter(({ validity }) => !/[redi]/.test(validity))
  const found = usable.length > 0 ? usable : all
  const [first] = found
  if (first === undefined) throw notFound(answer, task, kind)
  if (found.length === 1) return first
  const which = found.map(({ fingerprint }) => fingerprint).slice(0, 5)
  throw new OpenPgpError(
    'no-key',
    `Cannot ${task}: ${found.length} keys have this name; say which by its fingerprint: ${which.join(', ')}`,
  )
}

function notFound(answer: GpgAnswer, task: string, kind: 'public' | 'secret'): OpenPgpError {
  const trouble = agentTrouble(answer)
  if (trouble !== undefined) return new OpenPgpError('gpg', `Cannot ${task}: gpg said "${trouble}"`)
  // Nothing of that name is code 2, as everything else that goes wrong; but then it says so.
  const nothing = answer.code === 0 || /No (public|secret) key|Not found|not found/i.test(answer.said.join('\n'))
  if (nothing) return new OpenPgpError('no-key', `Cannot ${task}: gpg has no ${kind} key of this name`)
  return new OpenPgpError('gpg', `Cannot ${task}: gpg does not list its keys: ${lastSaid(answer)}`)
}

/** The public keys that a fingerprint or key id means, binary; empty when there are none. */
export async function exportKeys(program: GpgProgram, id: string, purpose: KeyPurpose): Promise<Buffer> {
  if (!/^[0-9A-F]{16,64}$/.test(id)) throw new RangeError(`Cannot export the key "${id}": this is no key id`)
  const { output } = await call(program, `${purpose} the key "${id}"`, ['--export', '--', id])
  return output
}

async function call(program: GpgProgram, task: string, args: readonly string[]): Promise<GpgAnswer> {
  return new GpgProcess(program, { task, args, output: true }).answer()
}

/** Primary keys in a listing with colons. */
function listedKeys(listing: Buffer): ListedKey[] {
  const keys: ListedKey[] = []
  let validity: string | undefined
  for (const line of listing.toString('latin1').split('\n')) {
    const fields = line.split(':')
    if (fields[0] === 'pub' || fields[0] === 'sec') validity = fields[1] ?? ''
    if (fields[0] !== 'fpr' || validity === undefined) continue
    if (/^[0-9A-F]{32,64}$/.test(fields[9] ?? '')) keys.push({ fingerprint: fields[9]!, validity })
    validity = undefined
  }
  return keys
}
