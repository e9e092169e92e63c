declare module 'seek-bzip' {
  /** What the decoder reads: it asks for the header first, then goes to the block. */
  export interface BlockInput {
    readByte(): number
    read(buffer: Uint8Array, offset: number, length: number): number
    seek(byte: number): void
  }
  export interface BlockOutput {
    writeByte(byte: number): void
  }
  const Bunzip: {
    /** Decodes the block that begins at a bit, and checks its CRC. @throws TypeError */
    decodeBlock(input: BlockInput, bit: number, output: BlockOutput): void
  }
  export default Bunzip
}
