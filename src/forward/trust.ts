import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

/**
 * Whom the gateway trusts on its way out: the built-in roots, and what the operator added. Reading them takes tens of
 * milliseconds and a MiB outside the heap, so that a version of the way out with the same ones shares them with the
 * version before.
 */
export class Trust {
  #extraCa: string | null = null;
  #context: (() => SecureContext) | null = null;

  /** What connections over TLS are made with. Throws an `Error` when a text holds no certificate or one that cannot be read. */
  contextFor(extraCa: readonly string[]): () => SecureContext {
    const wanted = JSON.stringify(extraCa);
    if (this.#context !== null && this.#extraCa === wanted) return this.#context;
    this.#context = madeOnce(extraCa.flatMap(certificatesOf));
    this.#extraCa = wanted;
    return this.#context;
  }
}

/** The roots are read with the first connection over TLS: a start would wait for them for nothing. */
function madeOnce(extra: readonly string[]): () => SecureContext {
  let context: SecureContext | null = null;
  return () => {
    context ??= createSecureContext({ ca: [...getCACertificates('default'), ...extra], minVersion: 'TLSv1.2' });
    return context;
  };
}

/** The certificates of a PEM text, at least one. Node passes over what it cannot read, and trust must not be lost silently. */
function certificatesOf(pem: string): readonly string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  if (blocks.length === 0) throw new Error('expected certificates in PEM form, found none');
  return blocks.map(certificateOf);
}

function certificateOf(block: string): string {
  try {
    return new X509Certificate(block).toString();
  } catch (error) {
    throw new Error('expected certificates in PEM form, found one that cannot be read', { cause: error });
  }
}
