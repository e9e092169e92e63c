/** A command of a delta, in any of its encodings: with numbers of 1, 2, 4 or 8 bytes, 0 for the length in the code. */
export type WrittenCommand =
  | { literal: Uint8Array; lengthBytes: 0 | 1 | 2 | 4 | 8 }
  | { literal?: undefined; start: number; startBytes: 1 | 2 | 4 | 8; length: number; lengthBytes: 1 | 2 | 4 | 8 }

/** A delta of these commands, for tests: whatever is asked for, sensible or not. */
export function writeDelta(commands: Iterable<WrittenCommand>): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x72, 0x73, 0x02, 0x36)]
  for (const command of commands) {
    if (command.literal === undefined) {
      const { start, startBytes, length, lengthBytes } = command
      const code = 0x45 + 4 * Math.log2(startBytes) + Math.log2(lengthBytes)
      parts.push(Uint8Array.of(code), unsigned(start, startBytes), unsigned(length, lengthBytes))
    } else if (command.lengthBytes === 0) {
      parts.push(Uint8Array.of(command.literal.length), command.literal)
    } else {
      const { literal, lengthBytes } = command
      parts.push(Uint8Array.of(0x41 + Math.log2(lengthBytes)), unsigned(literal.length, lengthBytes), literal)
    }
  }
  parts.push(Uint8Array.of(0))
  return new Uint8Array(Buffer.concat(parts))
}

function unsigned(value: number, bytes: number): Uint8Array {
  const all = new Uint8Array(8)
  new DataView(all.buffer).setBigUint64(0, BigInt(value))
  return all.subarray(8 - bytes)
}
