import type { FileSink, TreeWriter, WriteEntry } from '@coalmine/filetree'

export const noScratch = () => {
  throw new Error('Cannot be: every file here fits in memory')
}

/** Takes note of what would be written. */
export class Recorder implements TreeWriter {
  readonly tree = new Map<string, string>()

  #note(entry: WriteEntry, content: string = entry.kind): void {
    this.tree.set(entry.path, content)
  }

  directory(entry: WriteEntry): void {
    this.#note(entry)
  }

  file(entry: WriteEntry, content: Uint8Array): void {
    this.#note(entry, Buffer.from(content).toString('latin1'))
  }

  openFile(entry: WriteEntry): FileSink {
    const pieces: Uint8Array[] = []
    return {
      write: (chunk) => void pieces.push(Buffer.from(chunk)),
      commit: () => this.file(entry, Buffer.concat(pieces)),
      abort: () => undefined,
    }
  }

  symlink(entry: WriteEntry): void {
    this.#note(entry)
  }

  fifo(entry: WriteEntry): void {
    this.#note(entry)
  }

  device(entry: WriteEntry): void {
    this.#note(entry)
  }

  scratch(): never {
    return noScratch()
  }

  finish(): void {}
  close(): void {}
}
