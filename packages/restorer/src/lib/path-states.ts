import type { ByteSource, ByteStream, RawPath } from '@coalmine/bytes'
import type { ScratchFile } from '@coalmine/filetree'
import { patch, RdiffError } from '@coalmine/rdiff'
import type { EntryMeta, SigTarEntry } from '@coalmine/volume-format'
import { LostData } from './losses.ts'
import { Scratch } from './scratch.ts'
import type { SetReader } from './set-reader.ts'
import { SignatureProof } from './signature-cursor.ts'

/** What becomes of one path from set to set: whether its state is known, and is what its signatures are of. */
export class PathStates {
  /** Why the present state cannot be restored. */
  problem: string | undefined
  /** The content of a file; of nothing else. */
  #content: { scratch: Scratch; source: ByteSource } | undefined
  readonly #path: RawPath
  readonly #scratch: (path: RawPath) => ScratchFile

  constructor(path: RawPath, scratch: (path: RawPath) => ScratchFile) {
    this.#path = path
    this.#scratch = scratch
  }

  /** It is not known what a set says. */
  lose(problem: string): void {
    this.problem = problem
    this.close()
  }

  /**
   * Takes in what a set says.
   *
   * @param expected - What the signature file of the set says, if it says anything.
   * @returns How the two disagree.
   */
  async take(reader: SetReader, expected: SigTarEntry | undefined, isRead: boolean): Promise<string | undefined> {
    const { action, meta, firstBlock = 1 } = reader.entry!
    if (reader.lost !== undefined) {
      this.lose(`it lies in "${reader.lost.key}", which cannot be read`)
      return undefined
    }
    const isFile = meta?.kind === 'file'
    if (action !== 'diff') this.problem = undefined
    if (action === 'deleted' || !isFile) {
      this.close()
      return isRead ? disagreement(action, meta, expected) : undefined
    }
    if (firstBlock !== 1) this.lose('the beginning of it is missing')
    else if (action === 'diff' && this.problem === undefined && this.#content === undefined) {
      this.lose('what its changes build on is missing')
    }
    if (this.problem !== undefined) return undefined
    const proof = expected?.signature === undefined ? undefined : new SignatureProof(expected.signature)
    try {
      await this.#fill(action === 'diff' ? patch(this.#content!.source, reader.data()) : reader.data(), proof)
    } catch (error) {
      if (!(error instanceof LostData || error instanceof RdiffError)) throw error
      this.lose(error.message)
      return undefined
    }
    if (isRead && proof !== undefined && !proof.finish()) return 'it is the signature of other content'
    return isRead ? disagreement(action, meta, expected) : undefined
  }

  close(): void {
    this.#content?.scratch.close()
    this.#content = undefined
  }

  async #fill(content: ByteStream, proof: SignatureProof | undefined): Promise<void> {
    const scratch = new Scratch(() => this.#scratch(this.#path))
    try {
      const source = await scratch.fill(proven(content, proof))
      this.close()
      this.#content = { scratch, source }
    } catch (error) {
      scratch.close()
      throw error
    }
  }
}

async function* proven(content: ByteStream, proof: SignatureProof | undefined): ByteStream {
  for await (const chunk of content) {
    proof?.push(chunk)
    yield chunk
  }
}

/** How what the volumes say of a path differs from what the signatures do. */
function disagreement(
  action: 'snapshot' | 'diff' | 'deleted',
  meta: EntryMeta | undefined,
  expected: SigTarEntry | undefined,
): string | undefined {
  if (expected === undefined) return 'it has no signature'
  const wanted = action === 'deleted' ? 'deleted' : meta!.kind === 'file' ? 'signature' : 'snapshot'
  if (expected.action !== wanted) return `it is ${expected.action} there, and ${action} in the volumes`
  if (meta === undefined) return undefined
  const isSame = JSON.stringify(inOrder(meta)) === JSON.stringify(inOrder(expected.meta!))
  return isSame ? undefined : 'kind, owner, mode, time or target are others there'
}

function inOrder({
  kind,
  mode,
  uid,
  gid,
  mtimeSeconds,
  userName,
  groupName,
  linkTarget,
  devMajor,
  devMinor,
}: EntryMeta) {
  return [kind, mode, uid, gid, mtimeSeconds, userName, groupName, linkTarget, devMajor, devMinor]
}
