/** What is sent and what is answered in every measurement of the gateway. */

/** The path is a route of the gateway; to every other program it is a path like any other. */
export const PATH = '/routes/api/orders?limit=10';
/** An answer of 1 MiB stands here. */
export const LARGE_PATH = '/routes/api/large.json';

export const KIB = 1024;
export const MIB = 1024 * KIB;
/** What the rule lets pass; more is refused. */
export const MAX_TOTAL = 10_000;

/** The upstream's small answer: 1 KiB of JSON. */
export const ANSWER = padded({ ok: true }, KIB);

/** An order as a tool would send it, `bytes` long. */
export function order(bytes: number, total = 129.95): string {
  const items: object[] = [];
  const text = (): string => JSON.stringify({ customer: 'c-102938', currency: 'EUR', total, items });
  let length = text().length;
  for (let number = 1; length < bytes - 120; number += 1) {
    const item = { sku: `SKU-${1000 + number}`, name: `Article ${number}`, quantity: number, price: number * 1.25 };
    items.push(item);
    length += JSON.stringify(item).length + 1;
  }
  return padded({ customer: 'c-102938', currency: 'EUR', total, items }, bytes);
}

/** The value as JSON of exactly so many bytes, filled up with words. */
export function padded(value: object, bytes: number): string {
  const words = 'deliver to the side entrance between nine and noon ';
  const missing = bytes - JSON.stringify({ ...value, note: '' }).length;
  if (missing < 0) throw new Error(`expected a value shorter than ${bytes} bytes`);
  return JSON.stringify({ ...value, note: words.repeat(Math.ceil(missing / words.length)).slice(0, missing) });
}
