import { isIPv4 } from 'node:net';

/** The 4 or 16 bytes of an IP address in its canonical spelling, without brackets. */
export function bytesOfAddress(address: string): Uint8Array<ArrayBuffer> {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  const [before = '', after] = address.split('::');
  const head = groupsOf(before);
  const tail = groupsOf(after ?? '');
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [index, group] of head.entries()) view.setUint16(index * 2, group);
  for (const [index, group] of tail.entries()) view.setUint16(16 - (tail.length - index) * 2, group);
  return bytes;
}

function groupsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
