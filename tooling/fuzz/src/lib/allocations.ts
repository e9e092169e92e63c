/**
 * Counts what code asks for in typed arrays and buffers, from now on in this process. What the collector has taken back
 * meanwhile counts all the same; what Node allocates by itself, and views of what is there, do not.
 */
export function countAllocations(): { readonly bytes: number } {
  const count = { bytes: 0 }
  const note = (length: unknown, width: number): void => {
    if (typeof length === 'number' && length > 0) count.bytes += length * width
  }
  const arrays = { ArrayBuffer, Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array, BigUint64Array }
  for (const [name, original] of Object.entries(arrays)) {
    const width = 'BYTES_PER_ELEMENT' in original ? original.BYTES_PER_ELEMENT : 1
    const counted: object = new Proxy(original, {
      construct(target, args: unknown[], newTarget) {
        note(args[0], width)
        return Reflect.construct(target, args, newTarget === counted ? target : newTarget) as object
      },
    })
    Object.defineProperty(globalThis, name, { value: counted, configurable: true, writable: true })
  }
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name].bind(Buffer) as (size: number, ...more: unknown[]) => Buffer
    const counted = (size: number, ...more: unknown[]): Buffer => {
      note(size, 1)
      return original(size, ...more)
    }
    Object.defineProperty(Buffer, name, { value: counted, configurable: true, writable: true })
  }
  return count
}
