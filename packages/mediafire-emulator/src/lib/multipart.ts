/** One part of a form in parts. Its body has to be read before the next part is asked for; what is not, is passed over. */
export interface Part {
  name: string
  filename?: string
  body: AsyncIterable<Uint8Array>
}

/** A form in parts that is not one: no boundary, or cut short. */
export class MultipartError extends Error {}

const maxHeaderBytes = 16_384

/** The boundary that a content type names. */
export function boundaryOf(contentType: string): string | undefined {
  const found = /^multipart\/form-data\s*;.*?\bboundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

/**
 * Takes a form in parts apart as it arrives. Memory does not grow with the parts.
 *
 * @throws MultipartError when it ends early or a part's head is too long.
 */
export async function* readParts(source: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Part> {
  const input = createInput(source)
  try {
    yield* partsOf(input, boundary)
  } finally {
    // What follows the last part is read too, and what follows an error: the sender is still sending it.
    await input.drain()
  }
}

async function* partsOf(input: ReturnType<typeof createInput>, boundary: string): AsyncGenerator<Part> {
  // Every boundary follows a line end, but the first one may open the form.
  input.prepend(Buffer.from('\r\n'))
  const mark = Buffer.from(`\r\n--${boundary}`)
  for await (const _ of input.until(mark)) {
    // What is before the first boundary is not for us.
  }
  for (;;) {
    const two = await input.take(2)
    if (two.equals(Buffer.from('--'))) return
    if (!two.equals(Buffer.from('\r\n'))) throw new MultipartError('A boundary is followed by something else')
    // A part without head lines has its empty line right here.
    input.prepend(Buffer.from('\r\n'))
    const head: Uint8Array[] = []
    let length = 0
    for await (const chunk of input.until(Buffer.from('\r\n\r\n'))) {
      length += chunk.length
      if (length > maxHeaderBytes) throw new MultipartError("A part's head is too long")
      head.push(chunk)
    }
    const body = input.until(mark)
    yield { ...describe(Buffer.concat(head).toString('utf8')), body }
    for await (const _ of body) {
      // What the reader of the part has left.
    }
  }
}

function describe(head: string): { name: string; filename?: string } {
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? ''
  const value = (key: string): string | undefined => {
    const found = new RegExp(String.raw`;\s*${key}=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))`, 'i').exec(disposition)
    // Browsers escape quotes as %22, others with a backslash.
    return found?.[1]?.replaceAll(/\\(.)/g, '$1').replaceAll('%22', '"') ?? found?.[2]
  }
  const extended = /;\s*filename\*=utf-8''([^\s;]+)/i.exec(disposition)?.[1]
  const filename = extended === undefined ? value('filename') : decodeOr(extended)
  return { name: value('name') ?? '', ...(filename === undefined ? {} : { filename }) }
}

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not percent-encoded UTF-8: then it is meant as it stands.
    return text
  }
}

function createInput(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)

  const more = async (): Promise<void> => {
    const { done, value } = await iterator.next()
    if (done === true) throw new MultipartError('The form ends before its last boundary')
    const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
  }
  return {
    async drain(): Promise<void> {
      held = Buffer.alloc(0)
      while ((await iterator.next()).done !== true) continue
    },
    prepend(bytes: Buffer): void {
      held = Buffer.concat([bytes, held])
    },
    async take(length: number): Promise<Buffer> {
      while (held.length < length) await more()
      const bytes = held.subarray(0, length)
      held = held.subarray(length)
      return bytes
    },
    /** What is before `mark`, and the mark itself swallowed. Read again, it is at its end. */
    until(mark: Buffer): AsyncGenerator<Uint8Array> {
      return (async function* () {
        for (;;) {
          const at = held.indexOf(mark)
          if (at !== -1) {
            const bytes = held.subarray(0, at)
            held = held.subarray(at + mark.length)
            if (bytes.length > 0) yield bytes
            return
          }
          // The last bytes may be the beginning of the mark.
          const safe = held.length - mark.length + 1
          if (safe > 0) {
            const bytes = held.subarray(0, safe)
            held = held.subarray(safe)
            yield bytes
          }
          await more()
        }
      })()
    },
  }
}
