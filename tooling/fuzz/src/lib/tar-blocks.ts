/** A tar header block by hand; what is not said is zero. */
export interface Block {
  readonly name?: string
  readonly flag?: string
  readonly size?: number | string
  readonly mode?: string
  readonly mtime?: string
  readonly linkName?: string
  readonly magic?: string
}

/** Bytes of a header with a checksum that matches. Text has one char per byte. */
export function tarBlock(block: Block): Buffer {
  const { name = '', flag = '0', size = 0, mode = '0000644\0', mtime = '14527330050\0', linkName = '' } = block
  const bytes = Buffer.alloc(512)
  bytes.write(name, 0, 100, 'latin1')
  bytes.write(mode, 100, 8, 'latin1')
  bytes.write('0000000\0', 108, 8, 'latin1')
  bytes.write('0000000\0', 116, 8, 'latin1')
  bytes.write(typeof size === 'string' ? size : `${size.toString(8).padStart(11, '0')}\0`, 124, 12, 'latin1')
  bytes.write(mtime, 136, 12, 'latin1')
  bytes.write(flag, 156, 1, 'latin1')
  bytes.write(linkName, 157, 100, 'latin1')
  bytes.write(block.magic ?? 'ustar  \0', 257, 8, 'latin1')
  setChecksum(bytes)
  return bytes
}

/** A header with its body and padding. */
export function tarMember(block: Omit<Block, 'size'>, body: string | Uint8Array = ''): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body)
  return Buffer.concat([tarBlock({ ...block, size: bytes.length }), bytes, Buffer.alloc(-bytes.length & 511)])
}

/** Mends the checksums of whatever may be headers, so that changed ones are looked at. */
export function mendTar(archive: Buffer): void {
  for (let at = 0; at + 512 <= archive.length; at += 512) {
    const block = archive.subarray(at, at + 512)
    // A header has digits and an end where its checksum is; content rarely has.
    if (/^[0-7 ]{6}[\0 ][\0 ]$/.test(block.toString('latin1', 148, 156))) setChecksum(block)
  }
}

function setChecksum(block: Buffer): void {
  block.fill(0x20, 148, 156)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1')
}
